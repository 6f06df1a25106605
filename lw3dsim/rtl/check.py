"""A core held against the engines and against executed arithmetic: equal, without tolerance."""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.arithmetic.number import shifted
from lw3dsim.errors import InputError
from lw3dsim.network.pipeline import map_prepared
from lw3dsim.network.request import as_seed
from lw3dsim.result.rtl import CheckedLayer, CheckResult
from lw3dsim.rtl.build import build, run
from lw3dsim.rtl.covered import check_design, refusal
from lw3dsim.rtl.design import fitted, make_core
from lw3dsim.rtl.expected import expected_counts
from lw3dsim.rtl.notes import UnfitError
from lw3dsim.rtl.programs import make_program
from lw3dsim.rtl.subject import Subject, drawn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lw3dsim.account.simulated import Unit
    from lw3dsim.base.arrays import Ints
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.network.pipeline import Prepared
    from lw3dsim.rtl.build import Log
    from lw3dsim.rtl.design import Core
    from lw3dsim.rtl.notes import CoreProgram
    from lw3dsim.rtl.subject import GroupSubject, Stage

    AnySubject = Subject | GroupSubject


def check_prepared(
    prepared: Prepared,
    layers: Sequence[str] | None = None,
    seed: int = 0,
    folder: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CheckResult:
    """Build the core of what was asked for, and run ``layers`` on it, by default all that it does.

    See ``lw3dsim rtl check``. Cores are built, and kept, in ``folder``, by default in one that goes again. Raises
    InputError for a layer of ``layers`` that the core does not do, and where it does none.
    """
    design, request = prepared.design, prepared.request
    seed = as_seed("seed", seed)
    check_design(design)
    units, refused = chosen(map_prepared(prepared), layers, prepared)
    subjects = [drawn(prepared.network, unit, design, seed, request.engine) for unit in units]
    core, made, unfit = programs_of(design, subjects, is_named=layers is not None)
    refused += unfit
    checked = []
    with tempfile.TemporaryDirectory() if folder is None else nullcontext(folder) as cores:
        bench = build(core, Path(cores))
        for done, (subject, program) in enumerate(made):
            checked.append(compare(subject, core, program, run(bench, program)))
            if progress is not None:
                progress(done + 1, len(made))
    return CheckResult(
        workload=prepared.network.name, arch=design.name, seed=seed, equal=all(one.equal for one in checked),
        layers=tuple(checked), refused=refused,
    )  # fmt: skip


def programs_of(
    design: Accelerator, subjects: Sequence[AnySubject], *, is_named: bool
) -> tuple[Core, list[tuple[AnySubject, CoreProgram]], tuple[str, ...]]:
    """Return a core for ``subjects``, the programs of those that run on it, and what it would need for others.

    Raises InputError for one of these where all are asked for by name, or none is left.
    """
    core = make_core(design, [stage.problem for subject in subjects for stage in subject.stages])
    made: list[tuple[AnySubject, CoreProgram]] = []
    refused = []
    for subject in subjects:
        try:
            made.append((subject, make_program(subject, core)))
        except UnfitError as error:
            if is_named:
                raise
            refused.append(f"{error.name} {error.reason}")
    if not made:
        raise InputError(f"{design.name}: its core runs none of these layers: {refused[0]}")
    return fitted(core, [program for _, program in made]), made, tuple(refused)


def chosen(
    units: Sequence[Unit], layers: Sequence[str] | None, prepared: Prepared
) -> tuple[list[Unit], tuple[str, ...]]:
    """Return the units that are asked for, by their names or a layer's, and what those need that no core does.

    Raises InputError where one that it does not do was asked for by name, or none is left.
    """
    if layers is not None and not layers:
        raise InputError(f"layers: name at least one of {prepared.network.name}, or leave them out for all")
    names = [{unit.name, *(layer.name for layer in unit.layers)} for unit in units]
    for name in layers or ():
        if not any(name in those for those in names):
            raise InputError(f"layers: {prepared.network.name} has no layer {name}; see `lw3dsim show`")
    found, refused = [], []
    for unit, those in zip(units, names, strict=True):
        if layers is not None and those.isdisjoint(layers):
            continue
        reason = refusal(unit, prepared.design)
        if reason and layers is not None:
            raise InputError(f"{prepared.network.name}: {unit.name} {reason}; choose others with --layers")
        if reason:
            refused.append(f"{unit.name} {reason}")
        else:
            found.append(unit)
    if not found:
        apart = "; without fusion its layers may run" if prepared.request.fusion != "off" else ""
        raise InputError(f"{prepared.network.name} has no layer or group that a core does: {refused[0]}{apart}")
    return found, tuple(refused)


def compare(subject: AnySubject, core: Core, program: CoreProgram, log: Log) -> CheckedLayer:
    """Return how a run of a core compares with the simulation and execution of its layer."""
    schedule, trace, counts, stops = subject.schedule, subject.trace, log.counts, subject.paused
    differences: list[str] = []
    for name, got, want in (
        ("first product", log.starts, trace.start),
        ("end", log.ends, trace.end),
        ("drain", log.drained, trace.drained),
    ):
        wanted = [stops.worked(subject.cycle(at)) for at in want]
        differences += _times(name, [stops.worked(at) + subject.ahead for at in got], wanted)
    differences += _physical(subject, core, log)
    expected = expected_counts(subject)
    differences += [
        f"{name}: {counts.get(name, 0)}, not {want}" for name, want in expected.items() if counts.get(name, 0) != want
    ]
    differences += [*_outputs(subject, core, program, log), *_stores(subject, core, program, log)]
    if wrong := counts.get("wrong_words", 0):
        differences.append(f"{wrong} words that DMA takes out are not those that were written")
    leaving = sum(one.kind == "ofmap" for one in program.happenings)
    if (taken := counts.get("left_words", 0) + counts.get("lost_words", 0)) != leaving:
        differences.append(f"DMA takes out {taken} words, not {leaving}")
    labels = dict.fromkeys(stage.problem.algorithm.label for stage in subject.stages)
    return CheckedLayer(
        name=subject.name, algorithm=" + ".join(labels), steps=schedule.steps,
        drained_cycles=subject.cycle(int(np.max(trace.drained))),
        core_cycles=stops.shifted(max(log.drained, default=0), subject.ahead),
        port_words=sum(counts.get(name, 0) for name in ("ifmap_words", "weight_words", "ofmap_words")),
        products=counts.get("products", 0), outputs=int(subject.stages[-1].output.size), equal=not differences,
        differences=tuple(differences),
    )  # fmt: skip


def _times(name: str, got: list[int], want: list[int]) -> list[str]:
    if got == want:
        return []
    if len(got) != len(want):
        return [f"{name}: of {len(got)} steps, not {len(want)}"]
    step = next(i for i, (a, b) in enumerate(zip(got, want, strict=True)) if a != b)
    return [f"{name} of step {step}: cycle {got[step]}, not {want[step]}"]


def _physical(subject: AnySubject, core: Core, log: Log) -> list[str]:
    """Return where the array, or the vector unit, does not follow the feed by the depth of its pipeline."""
    stops, firsts = subject.paused, {subject.paused.worked(at) for at in log.firsts}
    of_steps = [0] * len(log.starts) if isinstance(subject, Subject) else subject.schedule.places.stage.tolist()
    for at, stage in zip(log.starts, of_steps, strict=False):
        back = core.back(subject.stages[stage])
        if stops.worked(at) + back not in firsts:
            return [f"no product is added in cycle {at + back}, behind a feed in {at}"]
    return []


def _outputs(subject: AnySubject, core: Core, program: CoreProgram, log: Log) -> Iterator[str]:
    """Yield what differs in the words of results, and which outputs are not written, or twice."""
    parts: list[tuple[list[Ints], list[int], list[int]]] = [([], [], []) for _ in subject.stages]
    for (_, address, count, word, wide), expected in zip(log.results, program.results, strict=False):
        if (address, count) != (expected.address, len(expected.at)):
            yield f"{count} results written to word {address}, not {len(expected.at)} to {expected.address}"
            return
        at, sums, codes = parts[expected.stage]
        at.append(expected.at)
        codes += _signed(word, core.activation, count)
        sums += _signed(wide, core.result_bits + 2, count)
    if len(log.results) != len(program.results):
        yield f"{len(log.results)} words of results, not {len(program.results)}"
    for stage, (at, sums, codes) in zip(subject.stages, parts, strict=True):
        where = np.concatenate([np.zeros(0, dtype=np.int64), *at])
        wrong = (np.bincount(where, minlength=stage.output.size) != 1) & (stage is subject.stages[-1])
        if wrong.any():
            yield f"{int(wrong.sum())} outputs are not written once"
        want = stage.output.reshape(-1)[where]
        of = f" of {stage.name}" if len(parts) > 1 else ""
        yield from _values(f"sums{of}", np.array(sums), want)
        yield from _values(f"results{of}", np.array(codes), shifted(want, stage.shift, stage.number))


def _stores(subject: AnySubject, core: Core, program: CoreProgram, log: Log) -> Iterator[str]:
    """Yield what differs in what DMA takes of intermediate tensors, and which elements it does not take, or twice."""
    if [(at, many) for _, at, many, _ in log.left] != [(one.element, len(one.at)) for one in program.leaving]:
        yield f"{len(log.left)} words of intermediate tensors taken, not {len(program.leaving)}"
        return
    stored = subject.schedule.stored if not isinstance(subject, Subject) else ()
    for tensor in stored:
        here = [
            (one.at, _signed(word, core.activation, many))
            for one, (_, _, many, word) in zip(program.leaving, log.left, strict=True)
            if one.stage == tensor - 1
        ]
        stage = subject.stages[tensor - 1]
        where = np.concatenate([np.zeros(0, dtype=np.int64), *(at for at, _ in here)])
        if wrong := int((np.bincount(where, minlength=stage.output.size) != 1).sum()):
            yield f"{wrong} elements of {stage.name} are not stored once"
        codes = np.array([code for _, word in here for code in word])
        yield from _values(f"elements of {stage.name}, stored", codes, _codes(stage, where))


def _codes(stage: Stage, where: Ints) -> Ints:
    """Return outputs of a stage as they are stored."""
    return shifted(stage.output.reshape(-1)[where], stage.shift, stage.number)


def _values(name: str, got: Ints, want: Ints) -> Iterator[str]:
    wrong = np.flatnonzero(got != want)
    if len(wrong):
        at = int(wrong[0])
        yield f"{len(wrong)} of {len(got)} {name}: {got[at]}, not {want[at]}, the first of them at {at}"


def _signed(digits: str, bits: int, count: int) -> list[int]:
    word, half = int(digits, 16), 1 << (bits - 1)
    return [((word >> (bits * i) & (2 * half - 1)) ^ half) - half for i in range(count)]
