"""Fixed mappings: the units of a mapping file, checked against a network and an accelerator, and simulated as given."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lw3dsim.account.events import STREAMS
from lw3dsim.describe.source import dotted
from lw3dsim.errors import InputError, MappingError, one_line, short, suggest
from lw3dsim.fusion import can_follow, can_lead, operands, run_group_mapping
from lw3dsim.layers import bare, run_layer, run_mapping
from lw3dsim.layouts import free_tensors
from lw3dsim.map.fill import group_fill, layer_fill
from lw3dsim.map.fused import Group
from lw3dsim.map.group_candidates import MAX_GROUP_STEPS
from lw3dsim.map.mapping_file import GroupEntry, LayerEntry
from lw3dsim.map.microarchitecture import parallel_modes
from lw3dsim.map.problem import has_groups, make_problem, side_by_side
from lw3dsim.map.search import MAX_STEPS
from lw3dsim.report.nest_lines import DIMENSIONS, kib, positions
from lw3dsim.transform.algorithms import candidates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.account.simulated import Run
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.map.fill import Fill
    from lw3dsim.map.mapping import Mapping
    from lw3dsim.map.mapping_file import MappingFile
    from lw3dsim.map.partition import Path
    from lw3dsim.map.problem import Problem
    from lw3dsim.transform.algorithms import Algorithm

# What to change where a buffer overflows in a fused group.
REMEDIES = {
    "ifmap": "lower the tile, or raise buffers.ifmap_kib",
    "weight": "lower chunks or what is resident, or raise buffers.weight_kib",
    "ofmap": "lower the tile, the last chunk or ofmap_slots, or raise buffers.ofmap_kib",
    "intermediate": "lower the tile or chunks, or raise buffers.ofmap_kib or buffers.intermediate_share",
}


def run_fixed(file: MappingFile, network: Workload, arch: Accelerator, policy: str, engine: str) -> dict[Path, Run]:
    """Return the runs of the units of ``file``, by the numbers of their layers.

    Raises InputError where the file is for another network, or a unit does not fit the network or the accelerator.
    """
    _check_network(file, network)
    _check_layouts(file, network)
    names = [layer.name for layer in network.layers]
    seen: dict[str, int] = {}
    runs: dict[Path, Run] = {}
    for unit, entry in enumerate(file.entries):
        for i, name in enumerate(entry.layers):
            at = ("layer",) if isinstance(entry, LayerEntry) else ("group", i, "layer")
            if name not in names:
                raise file.document.error(
                    file.key(unit, *at), f"{network.name} has no layer {short(name)}; {suggest(name, names)}"
                )
            if name in seen:
                earlier = file.place(seen[name])
                raise file.document.error(file.key(unit, *at), f"{name} is in the unit at {earlier} already; keep one")
            seen[name] = unit
        place = _Place(file=file, unit=unit, network=network, arch=arch, policy=policy)
        path = tuple(names.index(name) for name in entry.layers)
        layers = [network.layers[i] for i in path]
        try:
            runs[path] = (
                _run_group(place, entry, layers, engine)
                if isinstance(entry, GroupEntry)
                else _run_layer(place, entry, layers[0], engine)
            )
        except MappingError as error:
            raise place.error((), f"{error.key}: {error}") from None
    return runs


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A unit of a mapping file, and what it is checked against."""

    file: MappingFile
    unit: int
    network: Workload
    arch: Accelerator
    policy: str

    def error(self, key: tuple[str | int, ...], message: str) -> InputError:
        """Build the error for a key of the unit."""
        return self.file.document.error(self.file.key(self.unit, *key), message)

    def wrong(self, key: tuple[str | int, ...], value: object, message: str) -> InputError:
        """Build the error for the value of a key of the unit."""
        path = self.file.key(self.unit, *key)
        return InputError(f"{self.file.document.where(path)} {dotted(path)} = {short(value)}: {message}")

    def check_size(self, key: tuple[str | int, ...], value: int, most: int, what: str) -> None:
        """Refuse a size above ``most``, the number of ``what``."""
        if value > most:
            raise self.wrong(key, value, f"there are {most} {what}; give 1 to {most}")

    def check_room(self, fills: Sequence[Fill]) -> None:
        """Refuse what overflows a buffer; say how much is needed and how much is there."""
        for fill in fills:
            if fill.bits > fill.capacity_bits:
                parts = [f"{fill.slots} x {kib(fill.tile_bits)} KiB"] * bool(fill.tile_bits)
                parts += [f"{kib(fill.resident_bits)} KiB resident"] * bool(fill.resident_bits)
                layers = self.file.entries[self.unit].layers
                alone = f"lower tile sizes or slots, or raise buffers.{fill.buffer}_kib"
                raise self.error(
                    (),
                    f"{'+'.join(layers)} needs {kib(fill.bits)} KiB of the {fill.buffer} buffer "
                    f"({' + '.join(parts)}), {one_line(self.arch.name)} has {kib(fill.capacity_bits)} KiB; "
                    f"{REMEDIES[fill.buffer] if len(layers) > 1 else alone}",
                )

    def check_parallel(self, key: tuple[str | int, ...], parallel: str, problem: Problem) -> None:
        """Refuse channels in parallel where the array can't."""
        if parallel not in parallel_modes(problem, self.arch):
            raise self.wrong(
                key, parallel, "only dense direct layers on PEs of several multipliers can; give pixel, or leave it out"
            )

    def side_by_side(self, layer: AnyLayer, problem: Problem, abreast: int) -> Problem:
        """Return the problem with groups side by side on the rows; refuse what these can't hold."""
        if not has_groups(problem):
            raise self.wrong(
                ("abreast",), abreast, f"{layer.name} has no groups of channels to share rows; leave it out"
            )
        allowed = [size for size in range(1, min(problem.n, self.arch.pe.rows) + 1) if problem.n % size == 0]
        if abreast not in allowed:
            given = ", ".join(map(str, allowed))
            raise self.wrong(
                ("abreast",), abreast, f"groups have {problem.n} channels, rows are {self.arch.pe.rows}; give {given}"
            )
        return side_by_side(problem, abreast)

    def problem(self, key: tuple[str | int, ...], layer: AnyLayer, label: str) -> Problem:
        """Return the problem of a layer that is to run the algorithm called ``label``."""
        algorithm = self._algorithm(key, layer, label)
        return make_problem(
            layer, self.network.input_shapes(layer), self.network.shapes[layer.name], algorithm, self.arch
        )

    def _algorithm(self, key: tuple[str | int, ...], layer: AnyLayer, label: str) -> Algorithm:
        allowed = {one.label: one for one in candidates(layer, self.policy, *_tiles(self.arch))}
        if label in allowed:
            return allowed[label]
        direct = candidates(layer, "direct", 1, 1)[0]
        if label != direct.label:
            offered = ", ".join(dict.fromkeys([*allowed, direct.label]))
            raise self.wrong(
                key,
                label,
                f"with --algorithm {self.policy} {layer.name} can run {offered}; change it, or --algorithm, --m1, --m2",
            )
        # Where nothing else fits the machine, the mapper runs direct and says why.
        own = run_layer(self.network, layer, self.arch, self.policy, "auto", None).problem.algorithm
        return direct if own.is_winograd else own


def _tiles(arch: Accelerator) -> tuple[int, int]:
    return arch.winograd.m1, arch.winograd.m2


def _check_network(file: MappingFile, network: Workload) -> None:
    """Refuse a file that says that it is for another network."""
    inputs = {name: tuple(shape) for name, shape in network.inputs.items()}
    if file.workload is not None and file.workload != network.name:
        raise _foreign(file, "workload", file.workload, network.name, "give that workload")
    if file.transforms is not None and file.transforms != network.transforms:
        wanted, given = (",".join(names) or "none" for names in (file.transforms, network.transforms))
        raise _foreign(file, "transforms", wanted, given, "give these with --transform")
    if file.inputs is not None and file.inputs != inputs:
        wanted, given = (
            ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in sizes.items())
            for sizes in (file.inputs, inputs)
        )
        raise _foreign(file, "inputs", wanted, given, "give that size with --input")


def _check_layouts(file: MappingFile, network: Workload) -> None:
    """Refuse layouts of what is no tensor, has no layout of its own, or fewer channels."""
    free = free_tensors(network)
    for name, block in file.layouts.items():
        key = ("layouts", name)
        if name not in network.shapes:
            raise file.document.error(key, f"{network.name} has no such tensor; {suggest(name, sorted(free))}")
        if name not in free:
            raise file.document.error(
                key, "a vector, or an input of several of a layer, has no layout of its own; leave it out"
            )
        channels = network.shapes[name].channels
        if block > channels:
            place = f"{file.document.where(key)} {dotted(key)} = {block}"
            raise InputError(f"{place}: {name} has {channels} channels; give 1 to {channels}")


def _foreign(file: MappingFile, key: str, wanted: str, given: str, remedy: str) -> InputError:
    remedy = f"{remedy}, or map anew"
    return InputError(f"{file.document.where((key,))} {key} = {one_line(wanted)}: the network has {given}; {remedy}")


def _run_layer(place: _Place, entry: LayerEntry, layer: AnyLayer, engine: str) -> Run:
    problem, mapping, slots = place.problem(("algorithm",), layer, entry.algorithm), entry.mapping, entry.slots
    if entry.abreast is not None:
        problem = place.side_by_side(layer, problem, entry.abreast)
    limits = dict(zip("nc", (problem.n, problem.c), strict=True)) | dict(zip("thw", problem.out, strict=True))
    for name, most in limits.items():
        place.check_size(("tile", name), getattr(entry.tile, name), most, f"{positions(name, problem)} in {layer.name}")
    if problem.whole_frames and mapping.t != problem.out[0]:
        raise place.wrong(("tile", "t"), mapping.t, f"{layer.name} needs all frames at once; give {problem.out[0]}")
    _check_whole_groups(place, layer, problem, mapping)
    for name in STREAMS:
        place.check_size(("slots", name), getattr(slots, name), place.arch.buffers.slots, "slots (buffers.slots)")
    place.check_parallel(("parallel",), mapping.parallel, problem)
    steps = problem.groups * math.prod(-(-most // getattr(mapping, name)) for name, most in limits.items())
    if steps > MAX_STEPS:
        raise place.error(("tile",), f"makes {steps:,} steps of {layer.name}, at most {MAX_STEPS:,}; raise tile sizes")
    place.check_room(layer_fill(problem, mapping, place.arch))
    return run_mapping(problem, mapping, bare(place.arch), engine)


def _check_whole_groups(place: _Place, layer: AnyLayer, problem: Problem, mapping: Mapping) -> None:
    """Refuse a part of a group where groups lie side by side on the rows."""
    if problem.structure != "grouped":
        return
    if mapping.n % problem.group_n:
        raise place.wrong(("tile", "n"), mapping.n, f"with abreast give whole groups: a multiple of {problem.group_n}")
    if mapping.c != problem.c:
        raise place.wrong(("tile", "c"), mapping.c, f"with abreast {layer.name} is summed up at once: give {problem.c}")


def _run_group(place: _Place, entry: GroupEntry, layers: Sequence[AnyLayer], engine: str) -> Run:
    problems = [
        place.problem(("group", i, "algorithm"), layer, stage.algorithm)
        for i, (layer, stage) in enumerate(zip(layers, entry.group, strict=True))
    ]
    _check_chain(place, layers, problems)
    group, mapping = Group(tuple(problems), operands(layers)), entry.mapping
    for name, most in zip("thw", group.stages[-1].out, strict=True):
        size = getattr(entry.tile, name)
        place.check_size(("tile", name), size, most, f"{DIMENSIONS[name]} in {layers[-1].name}")
    if group.takes_all_frames and mapping.t != group.stages[-1].out[0]:
        raise place.wrong(
            ("tile", "t"), mapping.t, f"the group needs all frames at once; give {group.stages[-1].out[0]}"
        )
    _check_chunks(place, entry, group, layers)
    for i, (stage, problem) in enumerate(zip(entry.group, problems, strict=True)):
        place.check_parallel(("group", i, "parallel"), stage.parallel, problem)
        if stage.resident and not problem.has_weights:
            raise place.wrong(("group", i, "resident"), True, f"{stage.layer} has no weights; leave it out")
    place.check_size(("ofmap_slots",), entry.ofmap_slots, place.arch.buffers.slots, "slots (buffers.slots)")
    tiles = math.prod(axis.tiles for axis in mapping.axes(group))
    chunks = zip(group.runs, mapping.chunks, strict=True)
    steps = tiles * sum(len(run) * -(-group.channels[run.stop] // chunk) for run, chunk in chunks)
    if steps > MAX_GROUP_STEPS:
        raise place.error(("tile",), f"makes {steps:,} steps, at most {MAX_GROUP_STEPS:,}; raise tile sizes or chunks")
    place.check_room(group_fill(group, mapping, place.arch))
    return run_group_mapping(group, mapping, bare(place.arch), engine)


def _check_chain(place: _Place, layers: Sequence[AnyLayer], problems: Sequence[Problem]) -> None:
    """Refuse a group that is not a chain of layers that can be fused."""
    if not place.arch.buffers.intermediate_bits:
        name = one_line(place.arch.name)
        raise place.error(("group",), f"{name} can't fuse: buffers.intermediate_share is 0; raise it")
    for i, (before, layer) in enumerate(itertools.pairwise(layers), start=1):
        if before.name not in layer.inputs:
            raise place.error(("group", i), f"{layer.name} does not read {before.name}: a group is a chain; reorder it")
        users = [user.name for user in place.network.consumers(before.name)]
        if len(users) > 1 or layer.inputs.count(before.name) > 1:
            raise place.error(
                ("group", i - 1), f"{before.name} is read by {' and '.join(users)}: only the last may have more users"
            )
    for i, (layer, problem) in enumerate(zip(layers, problems, strict=True)):
        if not (can_follow(layer, problem) if i else can_lead(layer, problem)):
            raise place.error(("group", i), f"{layer.name} can't be fused; see docs/fusion.md, and take it out")


def _check_chunks(place: _Place, entry: GroupEntry, group: Group, layers: Sequence[AnyLayer]) -> None:
    if len(entry.chunks) != len(group.runs):
        runs = "; ".join("+".join(layers[i].name for i in run) for run in group.runs)
        raise place.wrong(("chunks",), list(entry.chunks), f"give one size per run: {runs}")
    for i, (run, chunk) in enumerate(zip(group.runs, entry.chunks, strict=True)):
        place.check_size(("chunks", i), chunk, group.channels[run.stop], f"channels in {layers[run.stop - 1].name}")
