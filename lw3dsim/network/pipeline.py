"""The way through the house: workload and accelerator in, result out."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from lw3dsim.base.caches import once
from lw3dsim.base.values import Value, replace
from lw3dsim.describe.accelerator import Accelerator
from lw3dsim.describe.accelerator_file import load_arch, locate_key
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.states import keeping_state, state_notes
from lw3dsim.describe.weights import Weighted
from lw3dsim.describe.workload import MAX_ELEMENTS, Workload
from lw3dsim.errors import ArgumentError, InputError, MappingError
from lw3dsim.importing.load import load_weighted, load_workload
from lw3dsim.network.apart import map_layers
from lw3dsim.network.layouts import settle_layouts
from lw3dsim.network.runs import run_work
from lw3dsim.network.told import FUSING, Told
from lw3dsim.network.units import units_of
from lw3dsim.network.views import as_given, viewed
from lw3dsim.network.widths import in_widths, layers_in_widths, width_notes
from lw3dsim.result.assemble import Assembly
from lw3dsim.result.records import Configuration, Inputs
from lw3dsim.result.result import Result
from lw3dsim.tensor.layout import said_of
from lw3dsim.transform.lowering import lowered
from lw3dsim.transform.passes import apply_transforms, unchanged_passes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lw3dsim.account.simulated import Run, Unit
    from lw3dsim.arguments import DimsArgument, SizeArgument
    from lw3dsim.arithmetic.arrays import Arrays
    from lw3dsim.arithmetic.seen import Calibrated
    from lw3dsim.engine.stream import StreamTiming
    from lw3dsim.map.group.partition import Path as LayerPath
    from lw3dsim.map.mapping_file import MappingFile
    from lw3dsim.network.objective import Objective
    from lw3dsim.network.request import Request
    from lw3dsim.schedule.chain import Chain
    from lw3dsim.schedule.program import Program
    from lw3dsim.schedule.work import Work
    from lw3dsim.transform.passes import TransformArgument

# Engines find the same times: what is chosen is looked for by the quickest, and timed by the one that is asked for.
MAPPER = "auto"

# A step and its tiles take about 300 bytes.
MAX_STREAM_STEPS = 10_000_000


class Prepared(Value, frozen=True, kw_only=True, dict=True, gc=True):
    """A request with everything read that it names: the network as it is run, the design, mappings, what calibrated.

    ``loaded`` is the network before it was transformed, with what its file holds of its weights, ``written`` the
    transformed one before it was lowered. ``notes`` are sentences on the widths that were taken,
    and on layers that keep no state.
    """

    request: Request
    loaded: Weighted
    written: Workload
    network: Workload
    design: Accelerator
    file: MappingFile | None
    calibrated: Calibrated | None = None
    notes: tuple[str, ...]

    @once
    def idle(self) -> list[str]:
        """A sentence for every pass that finds nothing to rewrite."""
        return unchanged_passes(self.loaded.workload, self.request.transform)


def prepare(request: Request) -> Prepared:
    """Return ``request`` with what it names read. Raises InputError."""
    file = None if request.mapping is None else _load_mapping(request.mapping)
    calibrated = None if request.calibration is None else _calibrated(request.calibration)
    loaded = load_asked(request)
    written = apply_transforms(loaded.workload, request.transform)
    asked = resolve_design(request.arch, request.overrides, request.m1, request.m2)
    mode = request.stream_state or written.stream_state
    # A loaded accelerator is taken as it is.
    design = asked if isinstance(request.arch, Accelerator) else in_widths(asked, written, request.overrides)
    stateful = keeping_state(in_batch(lowered(written), request.batch), mode)
    sized = layers_in_widths(stateful, design, request.overrides)
    return Prepared(
        request=request,
        loaded=loaded,
        file=file,
        calibrated=calibrated,
        written=written,
        network=viewed(sized, design),
        design=design,
        notes=(*loaded.notes, *width_notes(written, asked, design, request.overrides), *state_notes(stateful)),
    )


def load_asked(request: Request) -> Weighted:
    """Return the network that a request names, sized, before it is transformed. Raises InputError."""
    workload = request.workload
    if isinstance(workload, Workload):
        return Weighted(workload, {})
    if isinstance(workload, Weighted):
        return workload
    return load_weighted(
        workload,
        input_size=request.input_size,
        classes=request.classes,
        dims=request.dims,
        allow_unknown=request.allow_unknown,
    )


def _load_mapping(path: str) -> MappingFile:
    # Like fusion and streams, it is imported where it is asked for: the start of every other run is shorter by that.
    from lw3dsim.map.mapping_file import load_mapping

    return load_mapping(path)


def map_prepared(prepared: Prepared, progress: Callable[[int, int], None] | None = None) -> list[Unit]:
    """Map and simulate the layers of what was asked for. Raises InputError where the design has no room for one."""
    request = prepared.request
    with located(request.arch, prepared.design, request.overrides):
        return map_network(
            prepared.network,
            prepared.design,
            algorithm=request.algorithm,
            engine=request.engine,
            fusion=request.fusion,
            objective=request.objective,
            file=prepared.file,
            progress=progress,
        )


def _map_fewest(prepared: Prepared, progress: Callable[[int, int], None] | None) -> tuple[list[Unit], int]:
    """Return the same for ``dram_bytes_only``, with the fewest bytes that can be moved."""
    asked, network, design = prepared.request, prepared.network, prepared.design
    with located(asked.arch, design, asked.overrides):
        return _fewest(network, design, asked.algorithm, asked.engine, asked.fusion, prepared.file, progress)


def simulate_prepared(prepared: Prepared, progress: Callable[[int, int], None] | None = None) -> Result:
    """Simulate what was asked for; see :func:`simulate`. Energy, power and records are worked out when looked at."""
    request, design = prepared.request, prepared.design
    least = None
    if request.objective == "dram_bytes_only":
        units, fewest = _map_fewest(prepared, progress)
        # What a mapping file says may move more than the space has.
        least = fewest if prepared.file is None else None
    else:
        units = map_prepared(prepared, progress)
    stream = (
        None if request.clips is None else run_stream(units, design, request.clips, request.engine, prepared.network)
    )
    draft = Assembly(
        network=prepared.network,
        arch=design,
        units=tuple(units),
        config=_configuration(prepared),
        stream=stream,
        notes=partial(_notes, prepared),
        calibrated=prepared.calibrated,
        least_dram_bytes=least,
    )
    if prepared.calibrated is not None:
        assert draft.totals  # noqa: S101  # what the calibration lacks is said now
    return Result(record=draft)


def _calibrated(arrays: Arrays) -> Calibrated:
    from lw3dsim.arithmetic.seen import calibrated_of

    return calibrated_of(arrays)


def _notes(prepared: Prepared) -> tuple[str, ...]:
    return (*prepared.notes, *prepared.idle)


def _configuration(prepared: Prepared) -> Configuration:
    """Return what repeats a run."""
    request, network, file = prepared.request, prepared.network, prepared.file
    return Configuration(
        workload=Inputs(
            name=network.name,
            inputs={name: (s.channels, s.frames, s.height, s.width) for name, s in network.inputs.items()},
        ),
        transforms=tuple(network.transforms),
        algorithm=request.algorithm,
        engine=request.engine,
        arch=prepared.design,
        clips=request.clips,
        batch=request.batch,
        stream_state=network.stream_state,
        fusion=request.fusion,
        objective=request.objective,
        mapping=None if file is None else tuple(msgspec.to_builtins(file.entries)),
        layouts=None if file is None else {name: said_of(block) for name, block in file.layouts.items()},
    )


def map_network(
    network: Workload,
    design: Accelerator,
    *,
    algorithm: str = "direct",
    engine: str = "auto",
    fusion: str = "off",
    objective: Objective = "latency",
    file: MappingFile | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Unit]:
    """Map and simulate the layers, in groups where ``fusion`` is not off, for ``objective``.

    What ``file`` fixes is taken from there. What time and traffic are worth follows from the layers as they are
    mapped for latency; these are kept where nothing better comes of it once every tensor has its layout. Layers one by
    one for latency keep their mappings whatever their layouts, as bounds of designs know them by these. For
    ``dram_bytes_only`` see :mod:`lw3dsim.network.fewest`.
    Raises MappingError where the design has no room for a layer; see :func:`located`.
    """
    if objective == "dram_bytes_only":
        return _fewest(network, design, algorithm, engine, fusion, file, progress)[0]
    units = _mapped(network, design, algorithm, fusion, objective, file, progress)
    if engine == MAPPER:
        return units
    return [replace(unit, run=run_work(unit.run.work, unit.run.arch, engine)) for unit in units]


def _mapped(
    network: Workload,
    design: Accelerator,
    algorithm: str,
    fusion: str,
    objective: Objective,
    file: MappingFile | None,
    progress: Callable[[int, int], None] | None,
) -> list[Unit]:
    fixed = {} if file is None else _fixed(file, network, design, algorithm, MAPPER)
    layouts = {} if file is None else file.layouts
    network = as_given(network, layouts)
    told = Told(network, 1 + (objective != "latency") + FUSING * (fusion != "off"), progress)
    if sum(map(len, fixed)) == len(network.layers):
        told.all()
        return settle_layouts(network, units_of(network, [], fixed), design, MAPPER, layouts)
    runs = map_layers(network, design, algorithm=algorithm, engine=MAPPER, progress=told.layer, fixed=fixed)
    if fusion == "off" and objective == "latency":
        return settle_layouts(network, units_of(network, runs, fixed), design, MAPPER, layouts)
    # What a cut of a network is chosen by is imported where there is a choice.
    from lw3dsim.network.cheapest import cheapest_units

    return cheapest_units(
        network,
        runs,
        design,
        algorithm=algorithm,
        engine=MAPPER,
        fusion=fusion,
        objective=objective,
        fixed=fixed,
        layouts=layouts,
        told=told,
    )


def _fewest(
    network: Workload,
    design: Accelerator,
    algorithm: str,
    engine: str,
    fusion: str,
    file: MappingFile | None,
    progress: Callable[[int, int], None] | None,
) -> tuple[list[Unit], int]:
    from lw3dsim.network.fewest import asked_of, map_fewest

    network = network if file is None else as_given(network, file.layouts)
    asked = asked_of(network, design, algorithm, engine, fusion, file)
    return map_fewest(asked, engine, Told(network, 1, progress).layer)


def _fixed(
    file: MappingFile, network: Workload, design: Accelerator, algorithm: str, engine: str
) -> dict[LayerPath, Run[Work]]:
    from lw3dsim.network.fixed import run_fixed

    return run_fixed(file, network, design, algorithm, engine)


def resolve_network(
    workload: str | Workload,
    transform: TransformArgument,
    input_size: SizeArgument,
    classes: int | None,
    dims: DimsArgument = None,
    *,
    allow_unknown: bool = False,
) -> Workload:
    """Return the workload that a name, file or loaded workload means, sized and with ``transform`` applied."""
    if not isinstance(workload, Workload):
        workload = load_workload(
            workload, input_size=input_size, classes=classes, dims=dims, allow_unknown=allow_unknown
        )
    return apply_transforms(workload, transform)


def in_batch(network: Workload, batch: int) -> Workload:
    """Return ``network`` for a ``batch`` of clips. Raises ArgumentError where that makes a tensor too large."""
    largest = max(network.shapes.values(), key=lambda shape: shape.elements)
    if batch * largest.elements > MAX_ELEMENTS:
        raise ArgumentError("batch", batch, f"a tensor {largest} of each clip makes more than 2^36 elements; lower it")
    return replace(network, batch=batch)


def resolve_design(arch: str | Accelerator, overrides: Sequence[str], m1: int | None, m2: int | None) -> Accelerator:
    """Return the accelerator that a name, file or loaded accelerator means, with overrides and tiles applied."""
    design = arch if isinstance(arch, Accelerator) else load_arch(arch, overrides=overrides)
    tiles = design.winograd
    tiles = msgspec.structs.replace(tiles, m1=tiles.m1 if m1 is None else m1, m2=tiles.m2 if m2 is None else m2)
    return msgspec.structs.replace(design, winograd=tiles)


@contextmanager
def located(arch: str | Accelerator, design: Accelerator, overrides: Sequence[str]) -> Iterator[None]:
    """Begin what a MappingError says with the line or override that set what it asks to change.

    ``design`` is what ``arch`` and ``overrides`` mean. Raises InputError.
    """
    try:
        yield
    except MappingError as error:
        place = f"{design.name} {error.key}"
        if not isinstance(arch, Accelerator):
            place = locate_key(arch, error.key, overrides)
        raise InputError(f"{place}: {error}") from None


def run_stream(
    units: Sequence[Unit], arch: Accelerator, clips: int, engine: str = "auto", network: Workload | None = None
) -> StreamTiming:
    """Simulate ``clips`` clips behind each other through ``units`` as they were mapped, with ``network`` its views."""
    from lw3dsim.engine.stream import simulate_stream

    steps = clips * sum(unit.run.steps for unit in units)
    if steps > MAX_STREAM_STEPS:
        raise ArgumentError(
            "clips", clips, f"{steps} steps are more than {MAX_STREAM_STEPS}; lower the number of clips"
        )
    return simulate_stream(make_chain(units, arch, clips, network), make_clocks(arch), engine)


def make_chain(units: Sequence[Unit], arch: Accelerator, clips: int, network: Workload | None = None) -> Chain:
    """Return ``units``, the layers and groups of a network as they were mapped, as one chain for ``clips`` clips."""
    from lw3dsim.schedule.chain import join

    clocks = make_clocks(arch)
    programs: dict[tuple[Work, Accelerator], Program] = {}
    number = {layer.name: i for i, unit in enumerate(units) for layer in unit.layers}
    links = []
    for i, unit in enumerate(units):
        inputs = [name for layer in unit.layers for name in layer.inputs]
        if network is not None:
            inputs = [source for name in inputs for source in network.sources(name)]
        reads = tuple(number[name] for name in inputs if number.get(name, i) != i)
        work, design = unit.run.work, unit.run.design(arch)
        if (work, design) not in programs:
            programs[work, design] = work.program(design, clocks)
        links.append(work.link(programs[work, design], reads))
    return join(links, clips, arch.buffers, clocks)
