"""A stage of a fused group on the array, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.caches import kept
from lw3dsim.base.kernels import flat
from lw3dsim.base.values import Value
from lw3dsim.machine.microarchitecture import make_machine, plain_array
from lw3dsim.machine.problem import plain_layer

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.microarchitecture import Parallel
    from lw3dsim.machine.problem import Problem


class Mode(Value, frozen=True, kw_only=True):
    """A layer on the array in a parallel mode, in words."""

    layer: Ints
    array: Ints
    fill_cycles: int
    reads_back: int


@kept(65536)
def make_mode(stage: Problem, arch: Accelerator, parallel: Parallel, reads_back: int, keeps: bool, adders: int) -> Mode:
    """Return a stage of a group, whose pipeline has so many ``adders``, in a mode.

    What it ``reads_back`` and ``keeps`` lies in the output buffer.
    """
    array = plain_array(make_machine(stage, arch, parallel, reads_back=reads_back, keeps=keeps, adders=adders))
    return Mode(
        layer=np.array(flat(plain_layer(stage)), dtype=np.int64),
        array=np.array(flat(array), dtype=np.int64),
        fill_cycles=array.fill_cycles,
        reads_back=array.reads_back,
    )
