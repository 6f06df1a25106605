"""The way through the house: workload and accelerator in, result out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from lw3dsim.account.simulated import GroupRun, LayerRun, Unit
from lw3dsim.describe.accelerator import Accelerator
from lw3dsim.describe.accelerator_file import load_arch, locate_key
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Workload
from lw3dsim.describe.workload_file import load_workload
from lw3dsim.engine.run import check_engine
from lw3dsim.engine.stream import simulate_stream
from lw3dsim.errors import InputError, MappingError
from lw3dsim.fixed import run_fixed
from lw3dsim.fusion import check_fusion, fuse, units_of
from lw3dsim.layers import run_layer
from lw3dsim.layouts import settle_layouts
from lw3dsim.map.mapping_file import load_mapping
from lw3dsim.objective import check_objective, make_weights, total_figures
from lw3dsim.report.assemble import assemble
from lw3dsim.schedule.build import build_schedule
from lw3dsim.schedule.chain import join, make_group_link, make_link
from lw3dsim.schedule.fused import build_group_schedule
from lw3dsim.transform.passes import apply_transforms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lw3dsim.account.simulated import Run
    from lw3dsim.engine.stream import StreamTiming
    from lw3dsim.map.mapping import Mapping as TileMapping
    from lw3dsim.map.mapping_file import MappingFile
    from lw3dsim.map.partition import Path as LayerPath
    from lw3dsim.map.price import Price
    from lw3dsim.map.problem import Problem
    from lw3dsim.objective import Objective
    from lw3dsim.report.result import Result
    from lw3dsim.schedule.chain import Chain
    from lw3dsim.schedule.program import Schedule

DEFAULT_ARCH = "edge_base"

MAX_CLIPS = 1000

# A step and its tiles take about 300 bytes.
MAX_STREAM_STEPS = 10_000_000


def simulate(
    workload: str | Path | Workload,
    arch: str | Path | Accelerator = DEFAULT_ARCH,
    transform: str | None = None,
    algorithm: str = "direct",
    m1: int | None = None,
    m2: int | None = None,
    engine: str = "auto",
    *,
    input_size: str | None = None,
    classes: int | None = None,
    overrides: Sequence[str] = (),
    clips: int | None = None,
    fusion: str = "off",
    objective: Objective = "latency",
    mapping: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Simulate a workload on an accelerator, layer after layer.

    ``workload`` and ``arch`` are names, files or loaded objects; ``transform`` a
    comma-separated list of passes; ``algorithm`` one of direct, hfa, winograd3d,
    nested, auto; ``m1`` and ``m2`` override the accelerator's Winograd tiles.
    ``input_size`` ("TxHxW") and ``classes`` resize a workload given by name or
    file; ``overrides`` ("pe.rows=16") change an accelerator given likewise.
    ``clips`` is how many clips to run behind each other as well, without a stop at the
    borders of layers. Mappings are chosen for the ``objective`` (latency, energy, edp or
    dram_bytes); ``fusion`` "auto" runs neighbouring layers tile by tile on chip where that
    serves it. What the file ``mapping`` (of ``lw3dsim map --save``) says is simulated as it says; the rest is
    mapped. ``progress(done, all)`` is called after every layer. Raises InputError.
    """
    check_clips(clips)
    file = None if mapping is None else load_mapping(mapping)
    network = resolve_network(workload, transform, input_size, classes)
    design = resolve_design(arch, overrides, m1, m2)
    with located(arch, design, overrides):
        units = map_network(
            network,
            design,
            algorithm=algorithm,
            engine=engine,
            fusion=fusion,
            objective=objective,
            file=file,
            progress=progress,
        )
    stream = None if clips is None else run_stream(units, design, clips, engine)
    config = {
        "workload": {
            "name": network.name,
            "inputs": {name: list(shape) for name, shape in network.inputs.items()},
        },
        "transforms": list(network.transforms),
        "algorithm": algorithm,
        "engine": engine,
        "arch": msgspec.to_builtins(design),
        **_asked_for(clips, fusion, objective, file),
    }
    return assemble(network, design, units, config, stream)


def _asked_for(clips: int | None, fusion: str, objective: Objective, file: MappingFile | None) -> dict[str, Any]:
    """Return what a result's configuration says only where it is not the default."""
    asked: dict[str, Any] = {}
    if clips is not None:
        asked["clips"] = clips
    if fusion != "off":
        asked["fusion"] = fusion
    if objective != "latency":
        asked["objective"] = objective
    if file is not None:
        asked["mapping"] = msgspec.to_builtins(file.entries)
        asked["layouts"] = file.layouts
    return asked


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
    mapped for latency; these are kept where nothing better comes of it once every tensor has its layout.
    Raises MappingError where the design has no room for a layer; see :func:`located`.
    """
    check_engine(engine)
    check_fusion(fusion)
    check_objective(objective)
    fixed = {} if file is None else run_fixed(file, network, design, algorithm, engine)
    layouts = {} if file is None else file.layouts
    if sum(map(len, fixed)) == len(network.layers):
        if progress is not None:
            progress(len(network.layers), len(network.layers))
        return settle_layouts(network, units_of(network, [], fixed), design, engine, layouts)
    runs = map_layers(network, design, algorithm=algorithm, engine=engine, progress=progress, fixed=fixed)
    alone = settle_layouts(network, units_of(network, runs, fixed), design, engine, layouts)
    if fusion == "off" and objective == "latency":
        return alone
    weights = make_weights(network, runs, design, objective)
    if objective != "latency":
        runs = map_layers(
            network,
            design,
            algorithm=algorithm,
            engine=engine,
            progress=progress,
            price=weights.price,
            fixed=fixed,
        )
    units = units_of(network, runs, fixed) if fusion == "off" else fuse(network, runs, design, engine, weights, fixed)
    units = settle_layouts(network, units, design, engine, layouts)
    return min(units, alone, key=lambda chosen: weights.cost(total_figures(network, chosen, design)))


def resolve_network(
    workload: str | Path | Workload, transform: str | None, input_size: str | None, classes: int | None
) -> Workload:
    """Return the workload that a name, file or loaded workload means, sized and with ``transform`` applied."""
    if not isinstance(workload, Workload):
        workload = load_workload(workload, input_size=input_size, classes=classes)
    elif input_size is not None or classes is not None:
        raise InputError("input_size and classes resize a workload given by name or file, not a loaded one")
    return apply_transforms(workload, transform)


def resolve_design(
    arch: str | Path | Accelerator, overrides: Sequence[str], m1: int | None, m2: int | None
) -> Accelerator:
    """Return the accelerator that a name, file or loaded accelerator means, with overrides and tiles applied."""
    if isinstance(arch, Accelerator):
        if overrides:
            raise InputError("overrides change an accelerator given by name or file, not a loaded one")
        design = arch
    else:
        design = load_arch(arch, overrides=overrides)
    for name, value in (("m1", m1), ("m2", m2)):
        if value is not None and not 1 <= value <= 8:
            raise InputError(f"--{name} {value}: expected a tile size of 1 to 8")
    tiles = design.winograd
    tiles = msgspec.structs.replace(tiles, m1=tiles.m1 if m1 is None else m1, m2=tiles.m2 if m2 is None else m2)
    return msgspec.structs.replace(design, winograd=tiles)


def map_layers(
    network: Workload,
    design: Accelerator,
    *,
    algorithm: str = "direct",
    engine: str = "auto",
    progress: Callable[[int, int], None] | None = None,
    price: Price | None = None,
    fixed: Mapping[LayerPath, Run] | None = None,
) -> list[LayerRun]:
    """Map and simulate every layer by itself, but for the ``fixed`` ones, which are taken over.

    Raises MappingError, which names the layer.
    """
    runs = []
    for done, layer in enumerate(network.layers, start=1):
        given = (fixed or {}).get((done - 1,))
        try:
            own = given if isinstance(given, LayerRun) else run_layer(network, layer, design, algorithm, engine, price)
            runs.append(own)
        except MappingError as error:
            raise MappingError(error.key, f"layer {layer.name} of {network.name}: {error}") from None
        if progress is not None:
            progress(done, len(network.layers))
    return runs


@contextmanager
def located(arch: str | Path | Accelerator, design: Accelerator, overrides: Sequence[str]) -> Iterator[None]:
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


def check_clips(clips: int | None) -> None:
    """Raise InputError for a number of clips that is none."""
    if clips is not None and not 1 <= clips <= MAX_CLIPS:
        raise InputError(f"--clips {clips}: expected 1 to {MAX_CLIPS} clips")


def run_stream(units: Sequence[Unit], arch: Accelerator, clips: int, engine: str = "auto") -> StreamTiming:
    """Simulate ``clips`` clips behind each other through a network as its ``units`` were mapped."""
    check_clips(clips)
    steps = clips * sum(unit.run.steps for unit in units)
    if steps > MAX_STREAM_STEPS:
        raise InputError(f"--clips {clips}: {steps} steps are more than {MAX_STREAM_STEPS}; lower the number of clips")
    return simulate_stream(make_chain(units, arch, clips), make_clocks(arch), engine)


def make_chain(units: Sequence[Unit], arch: Accelerator, clips: int) -> Chain:
    """Return ``units``, the layers and groups of a network as they were mapped, as one chain for ``clips`` clips."""
    clocks = make_clocks(arch)
    schedules: dict[tuple[Problem, TileMapping], Schedule] = {}
    number = {layer.name: i for i, unit in enumerate(units) for layer in unit.layers}
    links = []
    for i, unit in enumerate(units):
        inputs = (name for layer in unit.layers for name in layer.inputs)
        reads = tuple(number[name] for name in inputs if number.get(name, i) != i)
        if isinstance(unit.run, GroupRun):
            links.append(make_group_link(build_group_schedule(unit.run.group, unit.run.mapping, arch, clocks), reads))
            continue
        key = unit.run.problem, unit.run.mapping
        if key not in schedules:
            schedules[key] = build_schedule(*key, arch, clocks)
        links.append(make_link(*key, schedules[key], reads))
    return join(links, clips, arch.buffers, clocks)
