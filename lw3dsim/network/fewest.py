"""The fewest DRAM bytes of a network: over all cuts into groups and layers, all of their mappings, and all layouts.

What a layer or group moves at least is a table by the layouts of its input and output. It begins with a bound, and
becomes exact only where it is part of the best cut by what is known: as all entries are bounds from below, a cut of
exact ones that is the best is the best of all. Nothing is simulated for that. Of the many blocks that a tensor may have
those are listed that may be best; all others are one more entry, never exact.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from lw3dsim.account.simulated import Unit
from lw3dsim.base.values import Value, replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.errors import MappingError
from lw3dsim.machine.problem import layout_block
from lw3dsim.map.group.laid import LaidPartition
from lw3dsim.map.group.least import least_of_groups
from lw3dsim.map.group.partition import Ending, Trees
from lw3dsim.map.group.search import ROUNDED, in_usual_chunks
from lw3dsim.map.layer.price import BYTES_ONLY, Price
from lw3dsim.map.layer.search import tile_channels
from lw3dsim.network.chains import group_along, trees_of
from lw3dsim.network.groups import find_group, run_group
from lw3dsim.network.layers import by_itself, fewest_bytes, floor_of_ways, of_ways, run_layer
from lw3dsim.network.layouts import free_blocks, moved_by, packed_blocks, settle_layouts, standing
from lw3dsim.network.offers import NOTHING, OTHERS, End, Offer, ends_of, users_of
from lw3dsim.network.other_blocks import chunks_of
from lw3dsim.network.reach import Reach, reach_of
from lw3dsim.network.runs import bare
from lw3dsim.network.views import in_packed
from lw3dsim.network.whole_bursts import least_of_group

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lw3dsim.account.simulated import Run
    from lw3dsim.base.arrays import Floats
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.group import Blocks, Group
    from lw3dsim.map.group.laid import Layouts
    from lw3dsim.map.group.partition import Path
    from lw3dsim.map.layer.mapping import Quanta
    from lw3dsim.map.mapping_file import MappingFile
    from lw3dsim.network.layers import Lies
    from lw3dsim.schedule.work import Work


class Fewest(Value, frozen=True, kw_only=True):
    """The fewest bytes of a network, how the layers and groups that move them lie, and the blocks of tensors."""

    dram_bytes: int
    lies: dict[Path, Lies]
    blocks: dict[str, int]
    groups: dict[Path, Group]


class Asked(Value, frozen=True, kw_only=True):
    """A network to be cut and laid out on ``arch``; units that are ``fixed``, and blocks that are ``given``, stand."""

    network: Workload
    arch: Accelerator
    policy: str
    fuses: bool
    fixed: Mapping[Path, Run[Work]]
    given: Mapping[str, int]

    @property
    def blocks(self) -> dict[str, Blocks]:
        """The channel blocks of each tensor whose layout decides: those that it may have, or the one that it has.

        Those to begin with are the usual ones, tiles of any layer or group that uses it, and packed rows, where these
        take fewer bursts than any of the usual ones. What others have to lie like is in that of the usual ones which
        takes the fewest, or in packed rows.
        """
        free, known = free_blocks(self.network, self.arch, self.given), standing(self.network, self.given)
        given = {name: (known[name],) for name in sorted(self.alike) if name in known}
        tiles, packed = self._tiles, packed_blocks(self.network, self.arch, free)
        every = {
            name: (*((*free[name], *tiles[name]) if many == 1 else self._first(name)), *packed[name])
            for name, many in sorted(self.alike.items())
            if free[name]
        }
        return {name: tuple(dict.fromkeys(blocks)) for name, blocks in every.items()} | given

    @property
    def alike(self) -> Counter[str]:
        """By what stands for tensors, how many lie alike."""
        return Counter(self.network.laid_like.values())

    def _first(self, name: str) -> Blocks:
        bits = self.network.tensor_bits.get(name, self.arch.precision.activation_bits)
        return (layout_block(self.network.shapes[name], self.arch, bits),)

    @property
    def _tiles(self) -> dict[str, list[int]]:
        """The channels of tensors that tiles may have."""
        tiles: dict[str, list[int]] = {name: [] for name in self.network.shapes}
        for layer in self.network.layers:
            first, last = _tiles_of_ways(self.network, layer, self.arch, self.policy)
            tiles[layer.name] += last
            for name in self.network.reads_as_laid(layer):
                tiles[name] += first
            tiles[layer.name] += chunks_of(self.network.shapes[layer.name].channels, self.arch)
        return tiles


# What tiles of groups are bounded by, and about what is moved.
BYTES, ORDINARY = Price(cycle=0.0, dram_byte=1.0), 1e7


def asked_of(
    network: Workload, arch: Accelerator, policy: str, engine: str, fusion: str, file: MappingFile | None
) -> Asked:
    """Return a network to be cut and laid out; what a mapping file fixes stands. Raises InputError for a wrong one."""
    fuses = fusion != "off"
    if file is None:
        return Asked(network=network, arch=arch, policy=policy, fuses=fuses, fixed={}, given={})
    from lw3dsim.network.fixed import run_fixed

    fixed = run_fixed(file, network, arch, policy, engine)
    return Asked(network=network, arch=arch, policy=policy, fuses=fuses, fixed=fixed, given=file.layouts)


def find_fewest(asked: Asked) -> Fewest:
    """Return the cut and the layouts of the fewest bytes.

    Raises MappingError, which names the layer, where the design has no room for one.
    """
    network, listed = asked.network, Listed(asked)
    blocks = listed.blocks
    problems = [_alone(asked, i) for i in range(len(network.layers))]
    apart = {i for path in asked.fixed for i in path}
    trees = trees_of(network, problems, asked.arch, apart) if asked.fuses else _one_by_one(len(problems))
    groups = _groups(asked, problems, trees)
    offers: dict[Path, Offer] = {(i,): _layer_offer(asked, i, listed) for i in range(len(problems)) if i not in apart}
    offers |= _group_offers(asked, groups, blocks)
    for path, run in asked.fixed.items():
        # What is fixed takes the place of its last layer.
        offers |= {(i,): Offer.of(NOTHING, 0, lambda _: 0) for i in path[:-1]}
        offers[path[-1:]] = _fixed_offer(asked, path, run, blocks)
    partition = LaidPartition(
        trees, lambda path: offers[path].table if path in offers else None, users_of(network, blocks)
    )
    while True:
        least, paths, layouts = partition.best()
        unknown = [path for path in paths if offers[path].look(layouts)]
        if not unknown:
            unknown = listed.widen(paths, layouts, offers)
        if not unknown:
            break
        partition.renew(unknown)
    chosen = tuple(path for path in paths if not apart.intersection(path))
    return Fewest(
        dram_bytes=round(least),
        lies={path: offers[path].lies(layouts) for path in chosen},
        blocks={name: those[layouts.get(name, 0)] for name, those in blocks.items()},
        groups={path: groups[path] for path in chosen if path in groups},
    )


def map_fewest(asked: Asked, engine: str, progress: Callable[[int], None] | None = None) -> tuple[list[Unit], int]:
    """Return the layers and groups that move the fewest bytes, simulated, and that least."""
    asked, found = min(((one, find_fewest(one)) for one in _ways(asked)), key=lambda pair: pair[1].dram_bytes)
    return fewest_units(asked, found, engine, progress), found.dram_bytes


def _ways(asked: Asked) -> list[Asked]:
    """Return the network as it lies and, where nothing is given, with packed rows of what lies in one another."""
    if not asked.network.packed or asked.given or asked.fixed:
        return [asked]
    return [asked, replace(asked, network=in_packed(asked.network))]


def fewest_units(asked: Asked, found: Fewest, engine: str, progress: Callable[[int], None] | None = None) -> list[Unit]:
    """Return the layers and groups of the fewest bytes, simulated: of equal mappings the fastest."""
    network, arch = asked.network, asked.arch
    runs: dict[Path, Run[Work]] = dict(asked.fixed)
    for path, lies in found.lies.items():
        if len(path) > 1:
            cut = in_usual_chunks(found.groups[path], bare(arch))
            runs[path] = run_group(cut, bare(arch), BYTES_ONLY, engine, lies=_single(lies))
        else:
            runs[path] = run_layer(network, network.layers[path[0]], arch, asked.policy, engine, BYTES_ONLY, lies=lies)
        if progress is not None:
            for i in path:
                progress(i)
    units = [
        Unit(layers=tuple(network.layers[i] for i in path), run=runs[path])
        for path in sorted(runs, key=lambda path: path[-1])
    ]
    return settle_layouts(network, units, arch, engine, {**asked.given, **found.blocks})


def _one_by_one(layers: int) -> Trees:
    return Trees(tuple((Ending((v,), ()),) for v in range(layers)), tuple(range(layers)))


def _alone(asked: Asked, i: int) -> Problem:
    """Return a layer in the algorithm in which it moves the fewest bytes by itself."""
    network, layer = asked.network, asked.network.layers[i]
    try:
        return fewest_bytes(network, layer, asked.arch, asked.policy)[1]
    except MappingError as error:
        raise MappingError(error.key, f"layer {layer.name} of {network.name}: {error}") from None


class Listed:
    """The ``blocks`` that tensors have in tables: those that are listed so far, and OTHERS where they may have any."""

    def __init__(self, asked: Asked) -> None:
        """Begin with the usual blocks, and those of tiles."""
        free = free_blocks(asked.network, asked.arch, asked.given) if not asked.fixed else {}
        self.asked, self.reaches = asked, dict[int, Reach]()
        alone = {name for name, many in asked.alike.items() if many == 1 and free.get(name)}
        self.blocks = {name: (*blocks, OTHERS) if name in alone else blocks for name, blocks in asked.blocks.items()}

    def bound(self, i: int) -> Floats:
        """Return what a layer moves at least, by how its ends lie."""
        ends = ends_of(self.asked.network, (i,), self.blocks)
        if i not in self.reaches:
            self.reaches[i] = reach_of(self.asked.network, i, self.asked.arch, self.asked.policy, ends)
        return self.reaches[i].table(ends)

    def widen(self, paths: Sequence[Path], layouts: Layouts, offers: Mapping[Path, Offer]) -> list[Path]:
        """List the best of the others of each tensor that lies in these; return the layers and groups that use them."""
        wanted = {name for name, number in layouts.items() if self.blocks[name][number] == OTHERS}
        for name in wanted:
            *listed, others = self.blocks[name]
            self.blocks[name] = (*listed, self._best_of_others(name, paths), others)
        users = [path for path, offer in offers.items() if not wanted.isdisjoint(end.tensor for end in offer.ends)]
        for path in users:
            is_known = len(path) == 1 and path[0] in self.reaches
            offers[path].widen(self.blocks, partial(self.bound, path[0]) if is_known else offers[path].first)
        return users

    def _best_of_others(self, name: str, paths: Sequence[Path]) -> int:
        """Return the block that is not listed in which the layers that lie in others move least together."""
        uses: list[Mapping[int | None, int]] = []
        for path in paths:
            ends = ends_of(self.asked.network, path, self.blocks)
            uses += [self.reaches[path[0]][side] for side, end in enumerate(ends) if end.tensor == name]
        left = [block for block in uses[0] if block is not None and block not in self.blocks[name]]
        return min(left, key=lambda block: sum(of[block] for of in uses))


def _layer_offer(asked: Asked, i: int, listed: Listed) -> Offer:
    network, layer = asked.network, asked.network.layers[i]

    def exact(lies: Lies) -> float:
        return fewest_bytes(network, layer, asked.arch, asked.policy, lies)[0]

    ends, least = ends_of(network, (i,), listed.blocks), floor_of_ways(network, layer, asked.arch, asked.policy)
    if all(end.tensor is None for end in ends):
        return Offer.of(ends, least, exact)
    return Offer.of(ends, least, exact, partial(listed.bound, i), stays=False)


def _groups(asked: Asked, problems: Sequence[Problem], trees: Trees) -> dict[Path, Group]:
    """Return all groups that there can be."""
    free: dict[str, Blocks] = dict.fromkeys(asked.network.shapes, ())
    groups = {path: group_along(asked.network, problems, path, free) for path in trees.paths}
    return {path: group for path, group in groups.items() if group is not None and not group.idle_stages}


def _group_offers(asked: Asked, groups: Mapping[Path, Group], blocks: Mapping[str, Blocks]) -> dict[Path, Offer]:
    """Return the offers of groups: first what their tiles move at least, then any mapping, then those that lie so."""
    arch, offers, clocks = bare(asked.arch), {}, make_clocks(asked.arch)
    cuts = [in_usual_chunks(group, arch) for group in groups.values()]
    bounds = least_of_groups(cuts, arch, clocks, [BYTES] * len(cuts), ORDINARY) * ROUNDED
    for (path, group), cut, bound in zip(groups.items(), cuts, bounds.tolist(), strict=True):
        ends = ends_of(asked.network, path, blocks, group)
        closer = partial(_fewest_of_group, cut, arch, tuple(map(_known, ends)))
        least = least_of_group(group, bound, ends, clocks.burst_bytes)
        offers[path] = Offer.of(ends, least, partial(_fewest_of_laid, cut, arch), closer)
    return offers


def _known(end: End) -> Blocks:
    return tuple(block for block in end.blocks if block)


def _fewest_of_laid(group: Group, arch: Accelerator, lies: Lies) -> float:
    """Return the fewest bytes of all mappings of a group that lies so; infinite for none."""
    return _fewest_of_group(group, arch, _single(lies))


def _fewest_of_group(group: Group, arch: Accelerator, blocks: tuple[Blocks, ...]) -> float:
    """Return the fewest bytes of all mappings of a group, in the best of these blocks; infinite for none.

    Which chunks fit depends on the blocks of second operands: each of these is a search of its own.
    """
    least, first = math.inf, len(blocks) - len(group.seconds)
    for seconds in itertools.product(*blocks[first:]):
        lies = (*blocks[:first], *((block,) for block in seconds))
        with contextlib.suppress(MappingError):
            least = min(least, find_group(group, arch, BYTES_ONLY, 1, lies)[0].dram_bytes)
    return least


def _single(lies: Lies) -> tuple[Blocks, ...]:
    return tuple(() if block is None else (block,) for block in lies)


def _fixed_offer(asked: Asked, path: Path, run: Run[Work], blocks: Mapping[str, Blocks]) -> Offer:
    """Return what a fixed unit moves, by how its ends lie."""
    unit = Unit(layers=tuple(asked.network.layers[i] for i in path), run=run)
    moved = partial(moved_by, unit, make_clocks(asked.arch).burst_bytes)
    return Offer.of(ends_of(asked.network, path, blocks, run.work.fused), 0, moved)


def _tiles_of_ways(network: Workload, layer: AnyLayer, arch: Accelerator, policy: str) -> Quanta:
    """Return the channels that tiles of a layer's input and output may have, in any way in which it may run."""
    ways = of_ways(by_itself(network, layer, arch, policy), tile_channels)
    first, last = (tuple(sorted({size for way in ways for size in way[side]})) for side in range(2))
    return first, last
