"""Every cut of a small network into groups and layers, in all layouts of its tensors: which costs the least."""

from __future__ import annotations

import itertools
import math
from random import Random

from plain_space import cuts

from lw3dsim.account.simulated import Unit
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.workload import Add, Conv3d, Pool3d, Shape, build_workload
from lw3dsim.errors import MappingError
from lw3dsim.map.layer.mapping import all_blocks
from lw3dsim.network.apart import map_layers
from lw3dsim.network.chains import can_wait, group_along, group_of, stored_of, trees_of
from lw3dsim.network.fewest import Asked
from lw3dsim.network.groups import run_group
from lw3dsim.network.layers import laid, run_problem
from lw3dsim.network.layouts import free_blocks
from lw3dsim.network.objective import Figures, leakage_of, make_weights, network_cost
from lw3dsim.network.pipeline import map_network
from lw3dsim.network.runs import bare, seen_by
from lw3dsim.network.units import moved_of

OBJECTIVES = ("latency", "energy", "edp", "dram_bytes")


def small_network(rng):
    """Return two to four layers of few channels; each reads the one before, or adds an earlier tensor to it."""
    shapes = {"x": Shape(rng.choice([12, 16, 24, 40]), rng.choice([1, 1, 2]), rng.randint(5, 20), rng.randint(5, 20))}
    layers, source = [], "x"
    for i in range(rng.randint(2, 4)):
        name, shape = f"l{i}", shapes[source]
        alike = [other for other in shapes if other != source and shapes[other] == shape]
        kind = rng.choice(["wide", "point", "point", "depthwise", "pool", "add"])
        common = {"name": name, "inputs": (source,)}
        if kind == "add" and alike:
            layer = Add(name=name, inputs=(source, rng.choice(alike)))
        elif kind == "pool" and min(shape.extent[1:]) > 1:
            layer = Pool3d(mode="max", kernel=(1, 2, 2), stride=(1, 2, 2), **common)
        elif kind == "depthwise":
            channels = shape.channels
            layer = Conv3d(out_channels=channels, groups=channels, kernel=(1, 3, 3), padding=(0, 1, 1), **common)
        else:
            window = {"kernel": (1, 3, 3), "padding": (0, 1, 1)} if kind == "wide" else {"kernel": (1, 1, 1)}
            layer = Conv3d(out_channels=rng.choice([12, 16, 24, 40]), **window, **common)
        shapes[name] = layer.output_shape(tuple(shapes[one] for one in layer.inputs))
        layers.append(layer)
        source = name
    return build_workload(name="drawn", inputs={"x": shapes["x"]}, layers=layers)


def small_design(rng):
    """Return an accelerator whose buffers are smaller than most tensors of a small network."""
    kib = rng.choice([2, 2, 4, 8])
    sizes = [f"buffers.{name}_kib={kib}" for name in ("ifmap", "weight", "ofmap")]
    return load_arch("edge_small", overrides=[*sizes, "pe.rows=4"])


def drawn(seed):
    """Return a network and a design."""
    rng = Random(seed)  # noqa: S311  # a draw that repeats
    return small_network(rng), small_design(rng)


class Space:
    """All that a network may be cut into, each as it would be mapped at one price where its ends lie so."""

    def __init__(self, network, arch, objective, fuses):
        """Map the layers by themselves; raise MappingError where the design has no room for one."""
        self.network, self.arch = network, arch
        runs = map_layers(network, arch)
        self.weights = make_weights(network, runs, arch, objective)
        if objective != "latency":
            runs = map_layers(network, arch, price=self.weights.price)
            self.weights = make_weights(network, runs, arch, objective)
        units = [Unit(layers=(layer,), run=run) for layer, run in zip(network.layers, runs, strict=True)]
        self.leakage = leakage_of(units, arch) if self.weights.pj else None
        self.problems = [run.work.problem for run in runs]
        trees = trees_of(network, self.problems, arch, ())
        self.paths = [path for path in trees.paths if len(path) == 1 or (fuses and self._can_wait(path))]
        asked = Asked(network=network, arch=arch, policy="direct", fuses=True, fixed={}, given={})
        self.usual = free_blocks(network, arch, {}, network.read_together)
        chosen = {name: blocks for name, blocks in asked.blocks.items() if name not in network.read_together}
        self.free = {name: tuple(one for one in blocks if one > 0) for name, blocks in chosen.items()}
        self._known = {}

    def _can_wait(self, path):
        own = [self.problems[i] for i in path]
        layers = [self.network.layers[i] for i in path]
        return can_wait(self.network, layers, own) and not group_of(layers, own).idle_stages

    @property
    def layouts(self):
        """The number of ways in which all tensors may lie."""
        return math.prod(map(len, self.free.values()))

    def cost(self, path, blocks):
        """Return what a path costs where its ends lie so; infinite where it can't."""
        layers = [self.network.layers[i] for i in path]
        lies = self._lies(path, blocks)
        if (path, lies) not in self._known:
            try:
                run = self.run(path, blocks)
            except MappingError:
                self._known[path, lies] = math.inf
            else:
                self._known[path, lies] = self.run_cost(layers, run)
        return self._known[path, lies]

    def run_cost(self, layers, run):
        """Return what layers cost that have run so."""
        return self.weights.cost(Figures.of(self.network, Unit(layers=tuple(layers), run=run), self.leakage))

    def _lies(self, path, blocks):
        layers, own = [self.network.layers[i] for i in path], [self.problems[i] for i in path]
        group = group_of(layers, own, stored=stored_of(self.network, layers)) if len(path) > 1 else None
        names = moved_of(self.network, layers, group)
        return tuple(blocks.get(self.network.laid_like.get(name)) for name in names)

    def run(self, path, blocks):
        """Return the run of a path that is mapped for where its ends lie. Raises MappingError where it can't be."""
        layers = [self.network.layers[i] for i in path]
        lies = self._lies(path, blocks)
        price, design = self.weights.price, bare(self.arch)
        if len(path) == 1:
            problem = laid(self.problems[path[0]], lies)
            seen = seen_by(problem, design)
            ways = [run_problem(problem, seen, price=price, quanta=one) for one in (None, all_blocks(problem, seen))]
            return min(ways, key=lambda run: self.run_cost(layers, run))
        group = group_along(self.network, self.problems, path, self.usual)
        whole = tuple((one or own,) for one, own in zip(lies, group.own_blocks, strict=True))
        return run_group(group, design, price, lies=whole)

    def least(self):
        """Return what the best cut costs in the best layouts."""
        every, least = list(cuts(set(range(len(self.problems))), self.paths)), math.inf
        for chosen in itertools.product(*self.free.values()):
            blocks = dict(zip(self.free, chosen, strict=True))
            costs = {path: self.cost(path, blocks) for path in self.paths}
            least = min(least, *(math.fsum(costs[path] for path in cut) for cut in every))
        return least

    def answered(self, objective, fusion):
        """Return what the network costs as it is mapped."""
        units = map_network(self.network, self.arch, fusion=fusion, objective=objective)
        return network_cost(self.network, units, self.arch, self.weights)


def loss(seed, objective, fusion, most):
    """Return by which part a drawn network costs more than its best cut in its best layouts.

    None where it has no room, or more than ``most`` ways in which its tensors may lie.
    """
    network, arch = drawn(seed)
    try:
        space = Space(network, arch, objective, fusion == "auto")
    except MappingError:
        return None
    return space.answered(objective, fusion) / space.least() - 1 if space.layouts <= most else None
