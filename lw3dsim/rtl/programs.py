"""Programs of layers of all kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.errors import InputError
from lw3dsim.rtl.program import Maker
from lw3dsim.rtl.vectors import VectorMaker

if TYPE_CHECKING:
    from lw3dsim.rtl.design import Core
    from lw3dsim.rtl.program import CoreProgram
    from lw3dsim.rtl.subject import Subject


def make_program(subject: Subject, core: Core) -> CoreProgram:
    """Return the program of a layer for ``core``. Raises InputError for what the core does not do."""
    algorithm = subject.problem.algorithm
    if core.mode(algorithm) < 0:
        raise InputError(f"{subject.name} runs {algorithm.label}: this core has transform units of other algorithms")
    if subject.mapping.c < subject.problem.c and subject.problem.accumulator_bits != core.result_bits:
        raise InputError(
            f"{subject.name} keeps partial sums of {subject.problem.accumulator_bits} bits, this core of "
            f"{core.result_bits}: check it with layers that need as many, by --layers"
        )
    maker = Maker if subject.problem.has_weights else VectorMaker
    return maker(subject, core).make()
