"""The passes by name, built in and of plug-ins, and how those that are asked for are applied.

In text a pass is its name and the arguments that differ from their defaults, ``fsb:alpha=0.5``; several stand behind
each other with commas, ``slowfsb,trg:layers=3``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lw3dsim.arguments import as_text, members
from lw3dsim.base.calls import strict
from lw3dsim.base.plugins import Family
from lw3dsim.base.values import replace
from lw3dsim.errors import ArgumentError
from lw3dsim.transform.fsb import DepthwisePointwise, Fsb, MergeBottlenecks
from lw3dsim.transform.passing import Pass, check_pass
from lw3dsim.transform.rewrite import check_matched, verify
from lw3dsim.transform.trg import Trg
from lw3dsim.transform.variants import Fast3d, FastDepth, FastTrg, FsbC3d, SlowDepth, SlowFsb

if TYPE_CHECKING:
    from lw3dsim.describe.workload import Workload

# What an argument `transform` is taken as.
TransformArgument = str | Pass | Sequence[str | Pass] | None

BUILTIN: tuple[type[Pass], ...] = (
    Fsb,
    Trg,
    FsbC3d,
    SlowDepth,
    SlowFsb,
    FastTrg,
    FastDepth,
    Fast3d,
    DepthwisePointwise,
    MergeBottlenecks,
)

PASSES: Family[type[Pass]] = Family(
    "lw3dsim.passes", "transform", {kind.name: kind for kind in BUILTIN}, read=check_pass
)


def as_passes(name: str, value: object) -> tuple[Pass, ...]:
    """Return the passes that the argument ``name`` asks for. Raises InputError for what is none."""
    if value is None:
        return ()
    items = [value] if isinstance(value, str | Pass) else members(value)
    if items is None or not all(isinstance(item, str | Pass) for item in items):
        raise ArgumentError(name, value, "expected a pass, or several with commas or in a list, such as ['fsb', 'trg']")
    return tuple(
        one
        for item in items
        for one in ([item] if isinstance(item, Pass) else map(read_pass, _texts(str.__str__(item))))
    )


def _texts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


@strict
def read_pass(text: str) -> Pass:
    """Return the pass that ``text`` names, with its arguments. Raises InputError."""
    text = as_text("text", text, "a pass, such as fsb")
    name = text.partition(":")[0]
    kind = PASSES.get(name)
    with PASSES.blamed(name, kind):
        return kind.read(text)


@strict
def apply_transforms(workload: Workload, transform: TransformArgument) -> Workload:
    """Apply passes in order, and verify the network after each. Raises InputError for what is no pass, or fits not."""
    for one in as_passes("transform", transform):
        workload = _applied(workload, one)
    return workload


def unchanged_passes(before: Workload, transform: TransformArgument) -> list[str]:
    """Return a sentence for every pass that finds nothing to rewrite: which it is, and if it says so, why."""
    idle, passes = [], as_passes("transform", transform)
    for number, one in enumerate(passes, 1):
        with PASSES.blamed(one.name, type(one)):
            if not check_matched(f"transform {one}", before, one.matches(before)):
                why = one.why_idle(before)
                idle.append(f"transform {one} changes no layer of {before.name}{why and f': {why}'}")
        if number < len(passes):
            before = _applied(before, one)
    return idle


def _applied(workload: Workload, one: Pass) -> Workload:
    with PASSES.blamed(one.name, type(one)):
        after = verify(str(one), workload, one.apply(workload))
        return replace(after, transforms=(*workload.transforms, str(one)))
