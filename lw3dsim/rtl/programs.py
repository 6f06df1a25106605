"""Programs of layers of all kinds, and of fused groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.rtl.groups import GroupMaker
from lw3dsim.rtl.layers import layer_program
from lw3dsim.rtl.layout import OffGridError
from lw3dsim.rtl.notes import UnfitError
from lw3dsim.rtl.subject import Subject

if TYPE_CHECKING:
    from lw3dsim.machine.records import Triple
    from lw3dsim.rtl.design import Core
    from lw3dsim.rtl.notes import CoreProgram
    from lw3dsim.rtl.subject import GroupSubject


def unfit(subject: Subject | GroupSubject, core: Core) -> str:
    """Return what a layer or group would need of ``core``, which others made as it is; nothing where it can run."""
    for stage in subject.stages:
        problem = stage.problem
        if core.mode(problem.algorithm) < 0:
            return f"runs {problem.algorithm.label}: this core has transform units of other algorithms"
    if not isinstance(subject, Subject):
        return ""
    problem = subject.problem
    if subject.mapping.c < problem.c and problem.accumulator_bits != core.result_bits:
        return (
            f"keeps partial sums of {problem.accumulator_bits} bits, this core of {core.result_bits}: check it with "
            "layers that need as many, by --layers"
        )
    return ""


def make_program(subject: Subject | GroupSubject, core: Core) -> CoreProgram:
    """Return the program of a layer or group for ``core``. Raises UnfitError for what it does not do."""
    if reason := unfit(subject, core):
        raise UnfitError(subject.name, reason)
    try:
        return layer_program(subject, core) if isinstance(subject, Subject) else GroupMaker(subject, core).make()
    except OffGridError as error:
        raise UnfitError(
            subject.name,
            f"has stride {_by(error.problem.stride)} and dilation {_by(error.problem.dilation)}, which leave what a "
            "round reads at unequal distances: a core reads at equal ones",
        ) from None
    except OverflowError as error:
        raise UnfitError(subject.name, f"counts further than a descriptor does ({error})") from None


def _by(sizes: Triple) -> str:
    return "x".join(map(str, sizes))
