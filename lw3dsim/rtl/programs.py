"""Programs of layers of all kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.errors import InputError
from lw3dsim.rtl.layout import OffGridError
from lw3dsim.rtl.program import Maker
from lw3dsim.rtl.vectors import VectorMaker

if TYPE_CHECKING:
    from lw3dsim.machine.records import Triple
    from lw3dsim.rtl.design import Core
    from lw3dsim.rtl.program import CoreProgram
    from lw3dsim.rtl.subject import Subject


def unfit(subject: Subject, core: Core) -> str:
    """Return what a layer would need of ``core``, which others made as it is; nothing where it can run."""
    problem = subject.problem
    if core.mode(problem.algorithm) < 0:
        return f"runs {problem.algorithm.label}: this core has transform units of other algorithms"
    if subject.mapping.c < problem.c and problem.accumulator_bits != core.result_bits:
        return (
            f"keeps partial sums of {problem.accumulator_bits} bits, this core of {core.result_bits}: check it with "
            "layers that need as many, by --layers"
        )
    return ""


def make_program(subject: Subject, core: Core) -> CoreProgram:
    """Return the program of a layer for ``core``. Raises InputError for what the core does not do."""
    if reason := unfit(subject, core):
        raise InputError(f"{subject.name} {reason}")
    maker = Maker if subject.problem.has_weights else VectorMaker
    try:
        return maker(subject, core).make()
    except OffGridError:
        raise InputError(
            f"{subject.name}: stride {_by(subject.problem.stride)} and dilation {_by(subject.problem.dilation)} leave "
            "what a round reads at unequal distances: the core counts equal ones; choose others with --layers"
        ) from None


def _by(sizes: Triple) -> str:
    return "x".join(map(str, sizes))
