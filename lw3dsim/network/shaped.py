"""What holds of a network wherever one is asked for, to be run or to be trained: its passes and its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.arguments import as_sizes
from lw3dsim.base.parameters import Parameters, parameter

if TYPE_CHECKING:
    from lw3dsim.arguments import SizeArgument
    from lw3dsim.transform.passes import TransformArgument
    from lw3dsim.transform.passing import Pass


def _transform(name: str, value: object) -> tuple[Pass, ...]:
    from lw3dsim.transform.passes import as_passes

    return as_passes(name, value)


class Shaped(Parameters):
    """By what a network is changed before anything is done with it."""

    transform: TransformArgument = parameter(
        _transform,
        "Passes to apply, comma-separated; see `lw3dsim list`.",
        default=None,
        kw_only=False,
        values="LIST",
        in_python='Or a list; each as text with its arguments, "fsb:alpha=0.5", or lw3dsim.transform.Fsb(alpha=0.5).',
    )
    input_size: SizeArgument = parameter(
        as_sizes,
        "Frames, height and width of the clip.",
        default=None,
        values="TxHxW",
        in_python="As text or three integers, or by the name of an input; for a workload by name or file.",
        option="--input",
    )
