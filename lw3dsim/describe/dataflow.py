"""Dataflows: which loops the rows and columns of the array unroll, and how long its PEs keep what was read.

A dataflow is data, a record of choices. ``machine/microarchitecture.py`` resolves it for a design into places for
output channels, for input channels and for tiles, and into what a round reads again; kernels know these numbers alone,
so that a record of any choices is mapped, simulated, executed and accounted for. ``docs/dataflows.md`` says what
each choice costs. What stays where is named as by Chen, Emer and Sze (ISCA 2016).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lw3dsim.base.plugins import Family
from lw3dsim.describe.allowed import checked
from lw3dsim.errors import InputError, short

Loop = Literal["output_channels", "input_channels", "tiles"]
WeightReads = Literal["once_a_round", "every_pass"]
InputReads = Literal["once_a_round", "every_tap"]
Axis = Literal["rows", "columns"]


class Dataflow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the array unrolls, and what its PEs keep.

    A *round* is what a wave of tiles does with the input channels that the array takes at once: all taps of all its
    tiles. A *pass* is one tap of one tile a lane.

    ``rows``, ``cols``
        The loop that PE rows and columns unroll; both may unroll the same. An input is broadcast to all places for
        output channels, a weight to all places for tiles. Along places for input channels an adder tree sums up
        products, so that accumulators, ``pe.acc_depth`` a multiplier, stand behind the trees, not in every PE.
    ``weights``
        ``once_a_round``: a PE keeps a weight while the tiles of a wave pass. ``every_pass``: it keeps none.
    ``inputs``
        ``once_a_round``: a wave's patch is read into staging registers, which serve overlaps and taps.
        ``every_tap``: there are none; each tap of a tile reads its inputs from the buffer.

    Raises InputError where a field has another value.
    """

    name: Annotated[str, Meta(min_length=1)]
    description: str
    rows: Loop
    cols: Loop
    weights: WeightReads = "once_a_round"
    inputs: InputReads = "once_a_round"

    def __post_init__(self) -> None:
        """Refuse what kernels do not know."""
        try:
            checked(self)
        except InputError as error:
            raise InputError(f"dataflow {short(self.name)}: {error}") from None

    def axes(self, loop: Loop) -> tuple[Axis, ...]:
        """Return the axes of the array that unroll ``loop``."""
        unrolled: tuple[tuple[Axis, Loop], ...] = (("rows", self.rows), ("columns", self.cols))
        return tuple(axis for axis, of in unrolled if of == loop)

    def places(self, loop: Loop, rows: int, cols: int) -> int:
        """Return how many positions of ``loop`` an array of ``rows`` x ``cols`` PEs works on at once."""
        return (rows if self.rows == loop else 1) * (cols if self.cols == loop else 1)


BUILT_IN = (
    Dataflow(
        name="output_stationary",
        description="output channels on rows, tiles on columns; sums stay in the PEs",
        rows="output_channels",
        cols="tiles",
    ),
    Dataflow(
        name="weight_stationary",
        description="output channels on rows, input channels on columns; weights stay in the PEs, rows are adder trees",
        rows="output_channels",
        cols="input_channels",
    ),
)

DEFAULT_DATAFLOW = BUILT_IN[0].name


def _dataflow(name: str, found: object) -> Dataflow:
    """Return what the entry point of a dataflow names: a record that is called so."""
    if not isinstance(found, Dataflow):
        raise InputError("it is no lw3dsim.describe.dataflow.Dataflow")
    if found.name != name:
        raise InputError(f"the name of the record is {short(found.name)}; both are the same")
    return found


# Every dataflow that ``pe.dataflow`` may name.
DATAFLOWS: Family[Dataflow] = Family(
    "lw3dsim.dataflows", "dataflow", {one.name: one for one in BUILT_IN}, read=_dataflow
)
