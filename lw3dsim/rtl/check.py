"""A core held against the engines and against executed arithmetic: equal, without tolerance."""

from __future__ import annotations

import math
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.arithmetic.number import shifted
from lw3dsim.base.kernels import INTERPRETED
from lw3dsim.errors import InputError
from lw3dsim.machine.microarchitecture import make_machine, plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.vector import beside, group_cycles, readings
from lw3dsim.machine.waves import cost_waves, empty_waves
from lw3dsim.map.layer.mapping import make_axes
from lw3dsim.network.pipeline import map_prepared
from lw3dsim.network.request import as_seed
from lw3dsim.result.rtl import CheckedLayer, CheckResult
from lw3dsim.rtl.build import build, run
from lw3dsim.rtl.covered import check_design, refusal
from lw3dsim.rtl.design import fitted, make_core
from lw3dsim.rtl.programs import make_program, unfit
from lw3dsim.rtl.subject import drawn
from lw3dsim.schedule.work import LayerWork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lw3dsim.account.simulated import Unit
    from lw3dsim.base.arrays import Ints
    from lw3dsim.machine.records import Array, Layer
    from lw3dsim.network.pipeline import Prepared
    from lw3dsim.rtl.build import Log
    from lw3dsim.rtl.design import Core
    from lw3dsim.rtl.program import CoreProgram
    from lw3dsim.rtl.subject import Subject


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
    core = make_core(design, [one.problem for one in subjects])
    if layers is None:
        reasons = {one.name: unfit(one, core) for one in subjects}
        refused += tuple(f"{name} {reason}" for name, reason in reasons.items() if reason)
        subjects = [one for one in subjects if not reasons[one.name]]
    programs = [make_program(subject, core) for subject in subjects]
    core = fitted(core, programs)
    checked = []
    with tempfile.TemporaryDirectory() if folder is None else nullcontext(folder) as made:
        bench = build(core, Path(made))
        for done, (subject, program) in enumerate(zip(subjects, programs, strict=True)):
            checked.append(compare(subject, core, program, run(bench, program)))
            if progress is not None:
                progress(done + 1, len(subjects))
    return CheckResult(
        workload=prepared.network.name, arch=design.name, seed=seed, equal=all(one.equal for one in checked),
        layers=tuple(checked), refused=refused,
    )  # fmt: skip


def chosen(
    units: Sequence[Unit], layers: Sequence[str] | None, prepared: Prepared
) -> tuple[list[Unit], tuple[str, ...]]:
    """Return the units that are asked for, and what a core would need for those that it does not do.

    Raises InputError where one that it does not do was asked for by name, or none is left.
    """
    if layers is not None and not layers:
        raise InputError(f"layers: name at least one of {prepared.network.name}, or leave them out for all")
    names = {unit.name for unit in units}
    for name in layers or ():
        if name not in names:
            raise InputError(f"layers: {prepared.network.name} has no layer {name}; see `lw3dsim show`")
    found, refused = [], []
    for unit in units:
        if layers is not None and unit.name not in layers:
            continue
        work, machine = unit.run.work, None
        if isinstance(work, LayerWork):
            machine = make_machine(work.problem, prepared.design, work.mapping.parallel)
        reason = refusal(unit, machine, prepared.design)
        if reason and layers is not None:
            raise InputError(f"{prepared.network.name}: {unit.name} {reason}; choose others with --layers")
        if reason:
            refused.append(f"{unit.name} {reason}")
        else:
            found.append(unit)
    if not found:
        raise InputError(f"{prepared.network.name} has no layer that a core does: {refused[0]}")
    return found, tuple(refused)


def compare(subject: Subject, core: Core, program: CoreProgram, log: Log) -> CheckedLayer:
    """Return how a run of a core compares with the simulation and execution of its layer."""
    schedule, trace, counts = subject.schedule, subject.trace, log.counts
    differences: list[str] = []
    for name, got, want in (
        ("first product", log.starts, trace.start),
        ("end", log.ends, trace.end),
        ("drain", log.drained, trace.drained),
    ):
        differences += _times(name, [at + subject.ahead for at in got], [subject.cycle(at) for at in want])
    differences += _physical(core.back(subject.problem), log)
    expected = {
        **port_words(subject),
        "ofmap_words": program.ofmap_words,
        "products": schedule.total("mults"),
        "updates": schedule.total("accumulations"),
        "operations": 0 if subject.problem.has_weights else schedule.total("vector_ops"),
    }
    differences += [
        f"{name}: {counts.get(name, 0)}, not {want}" for name, want in expected.items() if counts.get(name, 0) != want
    ]
    differences += list(_outputs(subject, core, program, log))
    return CheckedLayer(
        name=subject.name, algorithm=subject.problem.algorithm.label, steps=schedule.steps,
        drained_cycles=subject.cycle(int(np.max(trace.drained))),
        core_cycles=max(log.drained, default=0) + subject.ahead,
        port_words=sum(counts.get(name, 0) for name in ("ifmap_words", "weight_words", "ofmap_words")),
        products=counts.get("products", 0), outputs=int(subject.output.size), equal=not differences,
        differences=tuple(differences),
    )  # fmt: skip


def port_words(subject: Subject) -> dict[str, int]:
    """Return the words of patches and kernels that the simulator counts cycles of."""
    layer, array = plain_layer(subject.problem), plain_array(subject.machine)
    axes, loops, waves = make_axes(subject.problem, subject.mapping), subject.schedule.loops, empty_waves(INTERPRETED)
    words = {"ifmap_words": 0, "weight_words": 0}
    for step in np.unique(subject.schedule.kind, return_index=True)[1].tolist():
        many = int((subject.schedule.kind == subject.schedule.kind[step]).sum())
        frames = loops.c if subject.problem.reduces_frames else loops.t
        along = ((axes.t, frames), (axes.h, loops.h), (axes.w, loops.w))
        t, h, w = (int(axis.outputs[at[step]]) for axis, at in along)
        n, c = int(axes.n[loops.n[step]]), int(axes.c[loops.c[step]])
        ends = int(loops.is_first[step]), int(loops.is_last[step])
        if not subject.problem.has_weights:
            words["ifmap_words"] += many * operand_words(layer, array, (n, t, h, w), c, ends)
            continue
        cost_waves(layer, array, n, c, t, h, w, *ends, waves)
        for sort in waves.used[: waves.many[0]]:
            rounds = many * waves.number[sort] * waves.rounds[sort]
            words["ifmap_words"] += int(rounds * waves.inputs[sort])
            words["weight_words"] += int(rounds * waves.weights[sort])
    return words


def operand_words(layer: Layer, array: Array, size: tuple[int, int, int, int], c: int, ends: tuple[int, int]) -> int:
    """Return the words of the operands of a vector step of ``size`` (n, t, h, w), ``ends`` of its sums."""
    side, lanes = beside(layer, *size), array.vector_lanes
    full = -(-side // lanes) - 1
    blocks = ((full, lanes), (1, side - full * lanes))
    loads = sum(many * group_cycles(layer, array, outputs, c, *ends).load for many, outputs in blocks if many)
    return math.prod(size) // side * loads * readings(layer, c) * layer.sources


def _times(name: str, got: list[int], want: list[int]) -> list[str]:
    if got == want:
        return []
    if len(got) != len(want):
        return [f"{name}: of {len(got)} steps, not {len(want)}"]
    step = next(i for i, (a, b) in enumerate(zip(got, want, strict=True)) if a != b)
    return [f"{name} of step {step}: cycle {got[step]}, not {want[step]}"]


def _physical(back: int, log: Log) -> list[str]:
    """Return where the array does not follow the feed by the depth of its pipeline."""
    missing = [at for at in log.starts if at + back not in set(log.firsts)]
    return [f"no product is added in cycle {missing[0] + back}, behind a feed in {missing[0]}"] if missing else []


def _outputs(subject: Subject, core: Core, program: CoreProgram, log: Log) -> Iterator[str]:
    """Yield what differs in the words of the output buffer."""
    sums, codes, seen = (np.zeros(subject.output.size, dtype=np.int64) for _ in range(3))
    for (_, address, count, word, wide), at, expected in zip(
        log.results, program.results, program.addresses, strict=False
    ):
        if (address, count) != (expected, len(at)):
            yield f"{count} results written to word {address}, not {len(at)} to {expected}"
            return
        codes[at] = _signed(word, core.activation, len(at))
        sums[at] = _signed(wide, core.result_bits + 2, len(at))
        seen[at] += 1
    if not (seen == 1).all():
        yield f"{int((seen != 1).sum())} outputs are not written once"
    want = subject.output.reshape(-1)
    yield from _values("sums", sums, want)
    yield from _values("results", codes, shifted(want, subject.shift, subject.number))


def _values(name: str, got: Ints, want: Ints) -> Iterator[str]:
    wrong = np.flatnonzero(got != want)
    if len(wrong):
        at = int(wrong[0])
        yield f"{len(wrong)} of {len(got)} {name}: {got[at]}, not {want[at]} at {at}"


def _signed(digits: str, bits: int, count: int) -> list[int]:
    word, half = int(digits, 16), 1 << (bits - 1)
    return [((word >> (bits * i) & (2 * half - 1)) ^ half) - half for i in range(count)]
