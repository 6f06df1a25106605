"""Saved results: a file that comes from outside, and its check."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from lw3dsim.account.accesses import LEVEL_COMPONENTS
from lw3dsim.arguments import as_path
from lw3dsim.arithmetic.noise import combined_db
from lw3dsim.base.records import in_words, summed_fields
from lw3dsim.describe.accelerator_file import check_loaded
from lw3dsim.engine.run import ENGINES
from lw3dsim.errors import UNPRINTABLE, InputError, one_line, short, unknown
from lw3dsim.result.closeups import Closeups, check_closeups
from lw3dsim.result.derived import BatchDerived, batch_derived, derived, stream_derived
from lw3dsim.result.records import Figures, RunRecord
from lw3dsim.result.result import COLUMNS, Result

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lw3dsim.arguments import PathArgument
    from lw3dsim.base.records import Plain
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.result.records import Configuration, Layer, Totals

# Sums of floats in another order differ by as much at most.
RELATIVE = 1e-9


def check(record: RunRecord) -> None:
    """Raise ValueError where figures contradict each other: sums of parts, and what follows from counts."""
    config = record.config
    check_loaded(config.arch)
    _check_words(record)
    for layer in record.layers:
        _check_figures(layer, layer, f"layer {layer.name}: ", config)
        for component, causes in layer.energy_causes_pj.items():
            _check_sum(causes.parts(), layer.energy_breakdown_pj[component], f"layer {layer.name}: {component}")
        _check_accesses(layer)
    _check_figures(record.totals, record, "", config)
    for name in summed_fields(Figures):
        parts = {layer.name: getattr(layer, name) for layer in record.layers}
        _check_sum(parts, getattr(record.totals, name), name)
    for name in COLUMNS:
        for part, value in getattr(record, name).items():
            parts = {layer.name: getattr(layer, name)[part] for layer in record.layers}
            _check_sum(parts, value, f"{name}.{part}")
    _check_sum(record.area_breakdown_mm2.parts(), record.totals.area_mm2, "area_mm2")
    _check_batch(record.totals, config.batch)
    _check_stream(record)
    _check_close("sqnr_db", record.totals.sqnr_db, combined_db([layer.sqnr_db for layer in record.layers]))


def _check_accesses(layer: Layer) -> None:
    """Check that accesses sum to the energies of their levels, and to the bytes of DRAM and of the buffers."""
    rows = layer.accesses
    places = [row.place for row in rows]
    if len(set(places)) < len(places):
        raise ValueError(f"layer {layer.name}: accesses name a level, tensor and unit twice")
    for level, components in LEVEL_COMPONENTS.items():
        spent = {"/".join(row.place): row.energy_pj for row in rows if row.level == level}
        total = math.fsum(layer.energy_breakdown_pj[name] for name in components)
        _check_sum(spent, total, f"layer {layer.name}: accesses of {level}")
    for what in ("read_bytes", "write_bytes"):
        for of in ("dram", "sram"):
            parts = {"/".join(row.place): getattr(row, what) for row in rows if row.level.endswith(of)}
            _check_sum(parts, getattr(layer, f"{of}_{what}"), f"layer {layer.name}: {of}_{what} of accesses")


def _check_words(record: RunRecord) -> None:
    """Check that all texts can be shown, and that there is such an engine."""
    if record.config.engine not in ENGINES:
        raise ValueError(f"config.engine: {unknown('engine', record.config.engine, ENGINES)}; or is a plug-in missing?")
    for text in _texts(record.as_dict()):
        if not text.isprintable():
            raise ValueError(f"the text {short(text)} {UNPRINTABLE}")


def _texts(data: Plain) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        yield from data
        data = list(data.values())
    for part in data if isinstance(data, list) else ():
        yield from _texts(part)


def _check_batch(totals: Totals, batch: int) -> None:
    """Check what each clip of a batch has of its totals; where a clip is alone there are no figures of it."""
    if totals.batch != (batch if batch > 1 else 0):
        raise ValueError(f"batch = {totals.batch} where config.batch = {batch}")
    follow = batch_derived(batch, totals.latency_ms, totals.energy_pj, totals.dram_bytes) if batch > 1 else {}
    for name in BatchDerived.__annotations__:
        _check_close(name, getattr(totals, name), cast("dict[str, float]", follow).get(name, 0.0))


def _check_stream(record: RunRecord) -> None:
    """Check what follows from the cycles of a stream; where none was run there are no figures of it."""
    totals, parts = record.totals, record.stream_cycles_breakdown
    if (parts is None) != (totals.clips == 0) or (record.config.clips or 0) != totals.clips:
        raise ValueError(f"clips = {totals.clips} where config.clips = {record.config.clips}")
    if parts is None:
        return
    first, last = totals.stream_first_clip_cycles, totals.stream_latency_cycles
    _check_sum(parts.parts(), last, "stream_latency_cycles")
    if not 0 < first <= last or (first < last) != (totals.clips > 1):
        raise ValueError(f"stream_first_clip_cycles = {first} where stream_latency_cycles = {last}")
    follow = stream_derived(totals.clips, first, last, totals.latency_cycles, record.config.arch)
    for name, value in cast("dict[str, float]", follow).items():
        _check_close(name, getattr(totals, name), value)


def _check_close(name: str, value: float | None, expected: float | None) -> None:
    if value is None or expected is None:
        is_close = value is expected
    else:
        is_close = math.isclose(value, expected, rel_tol=RELATIVE, abs_tol=RELATIVE)
    if not is_close:
        raise ValueError(f"{name} = {value!r} where {expected!r} follows from the rest")


def _check_peak(figures: Figures, of: str, arch: Accelerator) -> None:
    """Check that a window of so much power is no less than the average, and holds no more than all of the energy."""
    # A mW for a us is 1000 pJ.
    most = max(figures.energy_pj / (1000 * arch.power_window_us), figures.average_power_mw)
    if not figures.average_power_mw * (1 - RELATIVE) <= figures.peak_power_mw <= most * (1 + RELATIVE):
        raise ValueError(
            f"{of}peak_power_mw = {figures.peak_power_mw!r} where {figures.average_power_mw!r} to {most!r} are possible"
        )


def _check_figures(figures: Figures, parts: Layer | RunRecord, of: str, config: Configuration) -> None:
    """Check what follows from the counts of a layer or the network, and that its breakdowns sum to them."""
    if (figures.macs > 0) != (figures.ideal_mults > 0):
        raise ValueError(f"{of}ideal_mults = {figures.ideal_mults} with macs = {figures.macs}")
    energies = parts.energy_breakdown_pj
    _check_sum(parts.cycles_breakdown.parts(), figures.latency_cycles, f"{of}latency_cycles")
    _check_sum(parts.dram_bytes_breakdown.parts(), figures.dram_bytes, f"{of}DRAM bytes")
    _check_sum(energies.parts(), figures.energy_pj, f"{of}energy_pj")
    counts = figures.latency_cycles, figures.macs, figures.executed_mults
    follow = derived(*counts, energies.parts(), config.arch, config.batch)
    for name, value in cast("dict[str, float]", follow).items():
        if not math.isclose(getattr(figures, name), value, rel_tol=RELATIVE):
            raise ValueError(f"{of}{name} = {getattr(figures, name)!r} where {value!r} follows from the rest")
    _check_peak(figures, of, config.arch)


def _check_sum(parts: Mapping[str, float], total: float, name: str) -> None:
    """Check that ``parts`` sum to ``total``, exactly where they are counts."""
    summed = sum(parts.values()) if isinstance(total, int) else math.fsum(parts.values())
    if not (summed == total if isinstance(total, int) else math.isclose(summed, total, rel_tol=RELATIVE)):
        raise ValueError(f"{name} = {total!r} where its parts sum to {summed!r}")


RESULT_FILE = "result.json"

# Beside it, where it was kept: what a page shows of layers from close by.
CLOSEUPS_FILE = "closeups.json"

MAX_RESULT_BYTES = 256 << 20

NO_FILE = "is not a regular file that exists"


def load_result(path: PathArgument) -> Result:
    """Read a result from its JSON file or the folder that holds it; its closeups are read where they are asked for.

    Raises InputError where it is none, and later where what lies beside it are no closeups of it.
    """
    path = as_path("path", path, "a file or folder")
    name = one_line(str(path), 200)
    remedy = "give the folder or the result.json of `simulate --out`"
    file, missing = Path(path), NO_FILE
    if os.path.isdir(path):  # noqa: PTH112  # raises for no name
        file, missing = file / RESULT_FILE, f"is a folder without a {RESULT_FILE}"
    raw = _read(file, name, missing, remedy)
    try:
        record = msgspec.json.decode(raw, type=RunRecord)
        check(record)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: not a result of lw3dsim ({in_words(str(error))}); {remedy}") from None
    # Read where they are asked for: figures are whole without them.
    return Result(record=record, closeups=lambda: _closeups(file.with_name(CLOSEUPS_FILE), record))


def holds_result(path: str) -> bool:
    """Return whether ``path`` is, by its name, what `simulate --out` wrote: a folder with a result, or that file."""
    return Path(path).name == RESULT_FILE or os.path.exists(f"{path}/{RESULT_FILE}")  # noqa: PTH110  # likewise


def _read(file: Path, name: str, missing: str, remedy: str) -> bytes:
    try:
        if not file.is_file():
            raise InputError(f"{name}: {missing}; {remedy}")
        if file.stat().st_size > MAX_RESULT_BYTES:
            raise InputError(f"{name}: larger than {MAX_RESULT_BYTES >> 20} MiB; {remedy}")
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror}); {remedy}") from None


def _closeups(file: Path, record: RunRecord) -> Closeups | None:
    """Read the closeups of a result; None where there are none. Raises InputError, for those of another run too."""
    if not file.exists():
        return None
    remedy = "delete it, and the page goes without"
    raw = _read(file, one_line(str(file), 200), NO_FILE, remedy)
    try:
        closeups = msgspec.json.decode(raw, type=Closeups)
        check_closeups(closeups)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: not what lw3dsim wrote beside a result ({error}); {remedy}") from None
    seen = [(one.name, one.latency_cycles) for one in closeups.closeups]
    if seen != [(layer.name, layer.latency_cycles) for layer in record.layers]:
        raise InputError(f"{file}: is of another run than the {RESULT_FILE} beside it; {remedy}")
    return closeups
