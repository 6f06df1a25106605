"""Which layers can be stages of a fused group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.caches import kept

if TYPE_CHECKING:
    from lw3dsim.machine.problem import Problem


@kept(4096)
def can_fuse(problem: Problem) -> bool:
    """Return whether a layer can be a stage: one group of channels, windows without gaps, one set of weights."""
    gapless = all(k >= s for k, s in zip(problem.kernel, problem.stride, strict=True))
    return gapless and can_branch(problem)


@kept(4096)
def can_branch(problem: Problem) -> bool:
    """Return whether a layer can be a stage where another looks at all of what it reads: strides may leave gaps."""
    undilated = all(k == 1 or d == 1 for k, d in zip(problem.kernel, problem.dilation, strict=True))
    return problem.groups == problem.weight_sets == 1 and not problem.is_side_by_side and undilated
