"""Fixed mappings: the units of a mapping file, checked against a network and an accelerator, and simulated as given."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from lw3dsim.account.events import STREAMS
from lw3dsim.base.values import Value, replace
from lw3dsim.describe.buffers import OWN_BANKS
from lw3dsim.errors import InputError, MappingError, one_line, short, suggest
from lw3dsim.machine.problem import has_groups, problem_of, side_by_side
from lw3dsim.map.division import layer_design
from lw3dsim.map.group_fill import group_design
from lw3dsim.map.mapping_file import GroupEntry, LayerEntry
from lw3dsim.network.chains import can_stand, can_stay, group_of, is_next, stored_of
from lw3dsim.network.layers import run_layer
from lw3dsim.network.runs import bare, run_work, seen_by
from lw3dsim.network.views import as_given
from lw3dsim.possible.group import group_faults
from lw3dsim.possible.layer import layer_faults
from lw3dsim.schedule.group_work import GroupWork
from lw3dsim.schedule.work import LayerWork
from lw3dsim.tensor.layout import said_of
from lw3dsim.transform.algorithms import candidates
from lw3dsim.transform.passes import read_pass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lw3dsim.account.simulated import Run
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.group import Group
    from lw3dsim.map.group.partition import Path
    from lw3dsim.map.mapping_file import BankCounts, MappingFile
    from lw3dsim.possible.layer import Fault
    from lw3dsim.schedule.work import Work
    from lw3dsim.transform.algorithms import Algorithm


def run_fixed(
    file: MappingFile, network: Workload, arch: Accelerator, policy: str, engine: str
) -> dict[Path, Run[Work]]:
    """Return the runs of the units of ``file``, by the numbers of their layers.

    Raises InputError where the file is for another network, or a unit does not fit the network or the accelerator.
    """
    _check_network(file, network)
    _check_layouts(file, network, arch)
    names = [layer.name for layer in network.layers]
    seen: dict[str, int] = {}
    runs: dict[Path, Run[Work]] = {}
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


class _Place(Value, frozen=True, kw_only=True):
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
        return InputError(f"{self.file.document.named(path, short(value))}: {message}")

    def check(self, faults: Iterator[Fault]) -> None:
        """Refuse the unit for the first of ``faults``, if there is any."""
        for fault in faults:
            if fault.value is None:
                raise self.error(fault.key, fault.message)
            raise self.wrong(fault.key, fault.value, fault.message)

    def divided(self, banks: BankCounts | None, share: float | None = None) -> Accelerator:
        """Return the accelerator with its memory divided so; refuse what is not to be divided, or too many banks."""
        name, buffers = one_line(self.arch.name), self.arch.buffers
        if banks is not None:
            if not buffers.is_whole:
                raise self.error(("banks",), f"{name} shares no memory (buffers.shared_kib); leave it out")
            given = {stream: getattr(banks, stream) for stream in STREAMS}
            if min(given.values()) < OWN_BANKS or sum(given.values()) > buffers.shared_banks:
                rule = f"give each at least {OWN_BANKS}, and {buffers.shared_banks} in all at most"
                raise self.error(("banks",), f"{sum(given.values())} banks, of {name}: {rule}")
            buffers = buffers.divided(**given)
        if share is not None:
            if buffers.is_whole or not buffers.is_divided_by_group:
                rule = (
                    "give banks too"
                    if buffers.is_whole
                    else f"{name} says it (buffers.intermediate_share); leave it out"
                )
                raise self.error(("intermediate_share",), rule)
            buffers = replace(buffers, intermediate_share=share)
        return replace(self.arch, buffers=buffers)

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
        return problem_of(self.network, layer, algorithm, self.arch)

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
        own = run_layer(self.network, layer, self.arch, self.policy, "auto", None).work.problem.algorithm
        return direct if own.is_winograd else own


def _tiles(arch: Accelerator) -> tuple[int, int]:
    return arch.winograd.m1, arch.winograd.m2


def _shortest(transform: str) -> str:
    """Return the text of a pass as networks record it; one that there is not as it is."""
    try:
        return str(read_pass(transform))
    except InputError:
        return transform


def _check_network(file: MappingFile, network: Workload) -> None:
    """Refuse a file that says that it is for another network."""
    inputs = {name: tuple(shape) for name, shape in network.inputs.items()}
    if file.workload is not None and file.workload != network.name:
        raise _foreign(file, "workload", file.workload, network.name, "give that workload")
    transforms = network.transforms if file.transforms is None else tuple(map(_shortest, file.transforms))
    if transforms != network.transforms:
        wanted, given = (",".join(names) or "none" for names in (transforms, network.transforms))
        raise _foreign(file, "transforms", wanted, given, "give these with --transform")
    if file.inputs is not None and file.inputs != inputs:
        wanted, given = (
            ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in sizes.items()) or "none"
            for sizes in (file.inputs, inputs)
        )
        raise _foreign(file, "inputs", wanted, given, "give that size with --input")


def _check_layouts(file: MappingFile, network: Workload, arch: Accelerator) -> None:
    """Refuse layouts of what is no tensor, has no layout of its own or fewer channels, or against others.

    Others are the accelerator's, and those of tensors that lie like it, in it, or around it.
    """
    free, alike, views = network.laid_like, dict[str, str](), as_given(network, file.layouts).blocks
    for name, block in file.layouts.items():
        key = ("layouts", name)
        if name not in network.shapes:
            raise file.document.error(key, f"{network.name} has no such tensor; {suggest(name, sorted(free))}")
        if name not in free:
            raise file.document.error(
                key, "a vector, or a part of what is copied together, has no layout of its own; leave it out"
            )
        channels = network.shapes[name].channels
        if abs(block) > channels:
            place = file.document.named(key, str(said_of(block)))
            raise InputError(f"{place}: {name} has {channels} channels; give 1 to {channels}")
        declared = {"cthw": 1, "blocked": min(arch.dram.channel_block, channels)}.get(arch.dram.layout, block)
        if block != declared:
            place = file.document.named(key, str(said_of(block)))
            raise InputError(
                f"{place}: dram.layout {arch.dram.layout} stores {name} in blocks of {declared}; "
                "give that, or set dram.layout to auto"
            )
        first = alike.setdefault(free[name], name)
        if file.layouts[first] != block:
            place = file.document.named(key, str(said_of(block)))
            raise InputError(
                f"{place}: {name} lies like {first}, as a layer reads both; give both {said_of(file.layouts[first])}"
            )
        if views.get(name, block) != block:
            place = file.document.named(key, str(said_of(block)))
            raise InputError(f"{place}: others lie in {name}, or it in them; give {said_of(views[name])}")


def _foreign(file: MappingFile, key: str, wanted: str, given: str, remedy: str) -> InputError:
    remedy = f"{remedy}, or map anew"
    return InputError(f"{file.document.where((key,))} {key} = {one_line(wanted)}: the network has {given}; {remedy}")


def _run_layer(place: _Place, entry: LayerEntry, layer: AnyLayer, engine: str) -> Run[Work]:
    problem, mapping = place.problem(("algorithm",), layer, entry.algorithm), entry.mapping
    if entry.abreast is not None:
        problem = place.side_by_side(layer, problem, entry.abreast)
    arch = place.divided(entry.banks)
    place.check(layer_faults(problem, mapping, arch, layer.name))
    return run_work(LayerWork(problem, mapping), layer_design(problem, mapping, seen_by(problem, bare(arch))), engine)


def _run_group(place: _Place, entry: GroupEntry, layers: Sequence[AnyLayer], engine: str) -> Run[Work]:
    problems = [
        place.problem(("group", i, "algorithm"), layer, stage.algorithm)
        for i, (layer, stage) in enumerate(zip(layers, entry.group, strict=True))
    ]
    _check_chain(place, layers, problems)
    group, mapping = group_of(layers, problems, stored=stored_of(place.network, layers)), entry.mapping
    _check_inner(place, layers, group)
    arch = place.divided(entry.banks, entry.intermediate_share)
    place.check(group_faults(group, mapping, arch, entry.layers))
    return run_work(GroupWork(group, mapping), group_design(group, mapping, bare(arch)), engine)


def _check_inner(place: _Place, layers: Sequence[AnyLayer], group: Group) -> None:
    """Refuse layouts of tensors that are made and read in a group alone."""
    for number, layer in enumerate(layers[:-1], start=1):
        if number not in group.stored and layer.name in place.file.layouts:
            inside = place.file.place(place.unit)
            message = f"{layer.name} never is in DRAM, but on chip in the group at {inside}; leave it out"
            raise place.file.document.error(("layouts", layer.name), message)


def _check_chain(place: _Place, layers: Sequence[AnyLayer], problems: Sequence[Problem]) -> None:
    """Refuse a group that is not a chain of layers that can be fused."""
    if not place.arch.buffers.can_fuse:
        name = one_line(place.arch.name)
        raise place.error(("group",), f"{name} can't fuse: buffers.intermediate_share is 0; raise it")
    for i, (before, layer) in enumerate(itertools.pairwise(layers), start=1):
        if not is_next(layers, problems, i):
            raise place.error(("group", i), f"{layer.name} does not read {before.name}: a group is a chain; reorder it")
        users = [user.name for user in place.network.consumers(before.name)]
        if layer.inputs.count(before.name) > 1 or not can_stay(place.network, layers, problems, i - 1):
            rule = (
                "but for the next, which must be dense, all must be additions or dense layers of the group, "
                "or come behind it"
            )
            raise place.error(("group", i - 1), f"{before.name} is read by {' and '.join(users)}: {rule}")
    for i, layer in enumerate(layers):
        if not can_stand(layers, problems, i):
            raise place.error(("group", i), f"{layer.name} can't be fused; see docs/fusion.md, and take it out")
