"""The paper's variants of C3D and SlowFast (4.2, 4.3): compositions of the rewrites in ``fsb`` and ``trg``.

``docs/passes.md`` says how each is read from the paper. A pathway is known by the first word of its layers' names
(``slow.``, ``fast.``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lw3dsim.transform.fsb import DepthwisePointwise, Fsb, MergeBottlenecks
from lw3dsim.transform.passing import Composite
from lw3dsim.transform.trg import Trg

if TYPE_CHECKING:
    from lw3dsim.transform.passing import Pass

# Table 4's rates fix M of C3D's seven replaced layers (its printed group 256 in row four holds for 128).
C3D_MIDDLE = (64, 128, 128, 256, 512, 512, 512)

# TRG goes before the temporal convolutions of the fast path's early stages, one in every block.
FAST_EARLY_STAGES = ("fast.res2.", "fast.res3.")
MOST_BLOCKS = 10_000


class FsbC3d(Composite):
    """FSB-C3D: Table 4's widths, TRG in the first two layers."""

    name: ClassVar[str] = "fsb_c3d"

    @property
    def parts(self) -> tuple[Pass, ...]:
        """See Composite."""
        return Fsb(middle=C3D_MIDDLE), Trg(layers=2)


class SlowDepth(Composite):
    """slow path: 1xRxS becomes depthwise + pointwise."""

    name: ClassVar[str] = "slowdepth"

    @property
    def parts(self) -> tuple[Pass, ...]:
        """See Composite."""
        return (DepthwisePointwise(path="slow.res"),)


class SlowFsb(Composite):
    """slow path: 1xRxS becomes depthwise."""

    name: ClassVar[str] = "slowfsb"

    @property
    def parts(self) -> tuple[Pass, ...]:
        """See Composite."""
        return (Fsb(path="slow"),)


class FastTrg(Composite):
    """slowfsb, and TRG in the fast path's early stages."""

    name: ClassVar[str] = "fasttrg"

    @property
    def parts(self) -> tuple[Pass, ...]:
        """See Composite."""
        return SlowFsb(), *(Trg(layers=MOST_BLOCKS, path=stage) for stage in FAST_EARLY_STAGES)


class FastDepth(Composite):
    """fast path: FSB."""

    name: ClassVar[str] = "fastdepth"

    @property
    def parts(self) -> tuple[Pass, ...]:
        """See Composite."""
        return (Fsb(path="fast"),)


class Fast3d(Composite):
    """fast path: dense KxRxS instead of bottlenecks."""

    name: ClassVar[str] = "fast3d"

    @property
    def parts(self) -> tuple[Pass, ...]:
        """See Composite."""
        return (MergeBottlenecks(path="fast"),)
