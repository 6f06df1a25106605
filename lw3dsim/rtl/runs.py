"""Groups of outputs of the vector unit that one descriptor says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.rtl.windows import Lie

if TYPE_CHECKING:
    from lw3dsim.machine.records import Triple
    from lw3dsim.rtl.orders import Part

# Of what lies in order from its first element on.
NOWHERE = Lie(first=0)


class Run(NamedTuple):
    """Groups that one descriptor says: so many of ``outputs`` each, from element ``base`` of a block on.

    Those of frames begin so many elements, ``begin``, behind the begin of a frame. Blocks are ``block`` elements apart;
    in each are ``beside`` (t, h, w) groups, ``steps`` apart. Operands are ``taps`` (t, h, w) of every source,
    ``tap_steps`` apart. ``lie`` says where the first is from ``base`` on.
    """

    groups: int
    outputs: int
    base: int
    lie: Lie
    block: int
    beside: Triple
    steps: Triple
    taps: Triple
    tap_steps: Triple
    part: Part | None = None
    begin: int = 0
    by: int = 1
