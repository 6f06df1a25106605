"""What every design in a box costs at least.

A *family* of designs has the same networks, fused or not, widths, technology and dataflow: whatever is not bounded as a
set of values. Within it a box has the best of its values wherever they matter: layers take the best form, the array is
the largest, memories are the cheapest, each figure by itself. So no design in the box costs less than the box.
"""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.account.built import control_pj
from lw3dsim.describe.buffers import KIB_BITS
from lw3dsim.errors import InputError
from lw3dsim.explore.bounds import ROOM
from lw3dsim.explore.evaluate import Evaluator
from lw3dsim.explore.metrics import METRICS, cost
from lw3dsim.explore.proof.factors import (
    LOGIC,
    NOTHING,
    Array,
    Bus,
    Logic,
    Memory,
    Numbers,
    Table,
    bus_figures,
    memory_figures,
)
from lw3dsim.explore.proof.forms import forms_of
from lw3dsim.explore.proof.layers import at_best
from lw3dsim.explore.proof.parts import direct_problem
from lw3dsim.network.views import bare_of_moves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.explore.proof.boxes import Masks
    from lw3dsim.explore.space import Choice, Parameter, Space

    Figures = NDArray[np.float64]

MEMORIES = ("ifmap", "weight", "ofmap")

# Families, at most: each has its own tables.
MOST_FAMILIES = 4096

# Designs with a layer in a fast algorithm pay for its units; those without take the time of direct layers.
ALTERNATIVES = (True, False)

# What bounds do not look at, since it costs nothing that they count.
SHARE = "buffers.intermediate_share"
NEUTRAL = frozenset({"run.objective", "power_window_us", "layer_setup_cycles", SHARE})
FORMS = ("run.algorithm", "winograd.m1", "winograd.m2", "winograd.weight_transform")


def _memory_paths(name: str) -> tuple[str, ...]:
    return (f"buffers.{name}_kib", f"buffers.{name}_port_bytes", f"buffers.{name}_banks", "buffers.slots", "clock_mhz")


SETS = frozenset({*NEUTRAL, *FORMS, *LOGIC, *(path for name in MEMORIES for path in _memory_paths(name))})


class Spent(NamedTuple):
    """What a network takes in every box: time, energy but for leakage and standby, bytes from and to DRAM."""

    time_ps: Figures
    working_pj: Figures
    moved_bytes: Figures


class Paths:
    """Which parameters of a space decide what: its free ones by number, and those that follow them."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self.leaders = {parameter.path: number for number, parameter in enumerate(space.free)}
        for parameter in space.parameters:
            if parameter.same_as is not None:
                self.leaders[parameter.path] = self.leaders[parameter.same_as]
        self.fixed = sorted({number for parameter in space.parameters for number in self._fixed_by(parameter)})

    def numbers(self, paths: Sequence[str]) -> list[int]:
        """Return the numbers of the free parameters that decide any of ``paths``."""
        return sorted({self.leaders[path] for path in paths if path in self.leaders})

    @property
    def of_bus(self) -> list[int]:
        """The numbers of those that decide the memory outside."""
        return self.numbers([path for path in self.leaders if path.startswith("dram.")])

    def _fixed_by(self, parameter: Parameter) -> list[int]:
        """Return which parameters a box must have one value of: where values mean more than a set can say."""
        path, gates = parameter.path, [gate for gate, _ in parameter.when]
        together = all(one.startswith("dram.") for one in (path, *gates))
        known = path in SETS or path.startswith("dram.")
        if known and (not gates or together or path in NEUTRAL):
            return []
        return [self.leaders[path], *(self.leaders[gate] for gate in gates)]


class Family:
    """Designs that share whatever is not a set in a box: ``choice`` is one of them."""

    def __init__(self, space: Space, evaluator: Evaluator, paths: Paths, choice: Choice) -> None:
        """Make the tables of a family. Raises InputError where no design of it can be."""
        self._space, self._evaluator, self._choice = space, evaluator, choice
        point = space.point(choice)
        self.arch = evaluator.design(point)
        self._loads = [load.at(point) for load in space.loads]
        self._networks = [bare_of_moves(evaluator.network(load, point)) for load in space.loads]
        problem = direct_problem(self._networks[0], self._networks[0].layers[0], self.arch)
        sizes = space.sizes

        def memory(name: str) -> Table:
            numbers = paths.numbers(_memory_paths(name))
            of_numbers = [sizes[number] for number in numbers]
            return Table(numbers, of_numbers, self._changed, lambda arch: memory_figures(arch, name, problem))

        self._memories = [memory(name) for name in MEMORIES]
        self._bus = Table(paths.of_bus, [sizes[n] for n in paths.of_bus], self._changed, bus_figures)
        parameters = [paths.leaders.get(path) for path in LOGIC]
        bare = self._no_fusing(paths)
        self._logic = Logic(
            parameters, [self._numbers(paths, path) for path in LOGIC], lambda places: self._changed({**bare, **places})
        )
        self._clock = self._numbers(paths, "clock_mhz")
        self._kib = [self._capacity(paths, name) for name in MEMORIES]
        numbers = paths.numbers(FORMS)
        places = [dict(zip(numbers, place, strict=True)) for place in product(*(range(sizes[n]) for n in numbers))]
        variants = [(self._replaced(place), self._changed(place)) for place in places]
        self._forms = [
            forms_of(network, load, numbers, [(choice, space.point(choice), arch) for choice, arch in variants])
            for load, network in zip(self._loads, self._networks, strict=True)
        ]

    def _no_fusing(self, paths: Paths) -> dict[int, int]:
        """Return the place of the share of intermediate tensors that needs no logic, where designs may have it."""
        number = paths.leaders.get(SHARE)
        values = () if number is None else self._space.free[number].values
        return {} if number is None or 0 not in values else {number: values.index(0)}

    def _numbers(self, paths: Paths, path: str) -> Numbers:
        number = paths.leaders.get(path)
        if number is None:
            found: object = self.arch
            for key in path.split("."):
                found = getattr(found, key)
            return Numbers(None, [float(str(found))])
        return Numbers(number, [float(str(value)) for value in self._space.free[number].values])

    def _capacity(self, paths: Paths, name: str) -> Numbers:
        """Return the KiB of a buffer; of a shared memory, which all of a family have, the most that it can get."""
        buffers = self.arch.buffers
        if buffers.shared_kib is not None:
            return Numbers(None, [buffers.capacity_bits[name] / KIB_BITS])
        return self._numbers(paths, f"buffers.{name}_kib")

    def _replaced(self, places: dict[int, int]) -> Choice:
        return tuple(places.get(number, place) for number, place in enumerate(self._choice))

    def _changed(self, places: dict[int, int]) -> Accelerator:
        return self._evaluator.design(self._space.point(self._replaced(places)))

    def metrics(self, masks: Masks) -> list[dict[str, Figures]]:
        """Return, per metric, the best that designs of each box can reach; infinite times where there are none.

        Of the ALTERNATIVES one behind the other.
        """
        memories = [Memory(*table.least(masks)) for table in self._memories]
        bus = Bus(*self._bus.least(masks))
        # A clock period is rounded to whole picoseconds.
        cycle_ps = np.round(1e6 / self._clock.most(masks))
        control_mw = control_pj(self.arch) * 1000 / np.round(1e6 / self._clock.least(masks))
        array = Array._make([*self._logic.most(masks), cycle_ps])
        loads = [self._of_load(i, masks, array, memories, bus) for i in range(len(self._loads))]
        found = []
        for place, logic in enumerate(self._logic_at_least(masks)):
            area, leakage = logic.T
            # The controller works in every cycle, of the longest period.
            leaking_mw = leakage + sum(memory.leakage_mw for memory in memories) + bus.idle_mw + control_mw
            parts = [self._metrics_of(i, load[place], leaking_mw) for i, load in enumerate(loads)]
            metrics = _combined(parts, [load.weight for load in self._loads], self._space)
            metrics["area_mm2"] = ROOM * (area + sum(memory.area_mm2 for memory in memories))
            metrics["sram_kib"] = np.asarray(sum(memory.kib for memory in memories))
            found.append(metrics)
        return found

    def _logic_at_least(self, masks: Masks) -> list[Figures]:
        """Return the least area and leakage of logic: with what a fast algorithm needs, infinite without one; bare."""
        corners, which = self._logic.corners(masks)
        fast = np.full((len(masks), 2), math.inf)
        for of in self._forms:
            for values, places, problem in of.fast:
                rows = np.flatnonzero(of.comes_with(masks, values))
                if len(rows):
                    figures = self._logic.figures(corners, places, problem)
                    fast[rows] = np.minimum(fast[rows], figures[which[rows]])
        bare = self._logic.figures(corners, NOTHING, None)[which]
        return [fast if is_fast else bare for is_fast in ALTERNATIVES]

    def _of_load(self, i: int, masks: Masks, array: Array, memories: list[Memory], bus: Bus) -> list[Spent]:
        """Return what the network of load ``i`` spends at least, of each alternative."""
        of, inside = self._forms[i].within(masks)
        is_fused = self._loads[i].fusion != "off"
        ifmap, weight, ofmap = (Memory(*(figure[:, None] for figure in memory)) for memory in memories)
        column = Bus(*(figure[:, None] for figure in bus))
        wide = Array(*(figure[:, None] for figure in array))
        best = at_best(of.forms, wide, (ifmap, weight, ofmap), column, self.arch, is_fused=is_fused)
        moved, working, busy = best.moved_bytes, best.working_pj, np.maximum(best.compute_ps, best.drain_ps)
        if not is_fused:
            moved = of.floors([numbers.most(masks) for numbers in self._kib])
            once = of.forms.read_bytes + of.forms.weight_bytes + of.forms.written_bytes
            working = working + (moved - once) * np.minimum(column.read_pj, column.write_pj)
            busy = np.maximum(busy, moved * column.ps_per_byte)
        found = []
        for is_fast in ALTERNATIVES:
            cannot = np.where(inside & (is_fast or of.forms.is_winograd == 0), 0.0, math.inf)

            def least(figures: Figures, cannot: Figures = cannot) -> Figures:
                return np.asarray(of.least(figures + cannot).sum(axis=1))

            # Alone layers are one after the other; in groups array, drains and DRAM are for different ones at once.
            alone = [best.compute_ps, best.drain_ps] if is_fused else [busy]
            times = [least(figures) for figures in alone] + ([least(moved) * bus.ps_per_byte] if is_fused else [])
            found.append(Spent(np.maximum.reduce(times), least(working), least(moved)))
        return found

    def _metrics_of(self, i: int, spent: Spent, leaking_mw: Figures) -> dict[str, Figures]:
        energy_pj = spent.working_pj + leaking_mw * spent.time_ps / 1e3
        return _metrics(spent.time_ps, energy_pj, spent.moved_bytes, self._networks[i])


def _metrics(time_ps: Figures, energy_pj: Figures, moved_bytes: Figures, network: Workload) -> dict[str, Figures]:
    frames, clips = max(shape.frames for shape in network.inputs.values()), network.batch
    milliseconds, energy_mj = ROOM * time_ps / 1e9, ROOM * energy_pj * 1e-9 / clips
    nothing = np.zeros_like(milliseconds)
    return {
        "latency_ms": milliseconds,
        "energy_mj": energy_mj,
        "edp_mjs": energy_mj * milliseconds / 1e3,
        "dram_mb": ROOM * moved_bytes * 1e-6 / clips,
        "peak_power_mw": nothing,
        "average_power_mw": nothing,
        **{name: nothing + metric.best for name, metric in METRICS.items() if metric.best is not None},
        "clips_per_s": clips * 1e3 / milliseconds,
        "frames_per_s": clips * frames * 1e3 / milliseconds,
    }


def _combined(parts: list[dict[str, Figures]], weights: list[float], space: Space) -> dict[str, Figures]:
    """Return the metrics of a chip for several workloads, as :func:`lw3dsim.explore.metrics.combined` does."""
    share = np.array(weights)[:, None] / math.fsum(weights)
    found = {}
    for name in parts[0]:
        values, metric = np.stack([part[name] for part in parts]), METRICS[name]
        if metric.adds_up and space.combine == "weighted":
            found[name] = ROOM * (values * share).sum(axis=0)
        else:
            found[name] = values.min(axis=0) if metric.is_rate else values.max(axis=0)
    return found


class Relaxation:
    """The bounds of boxes of a space. Raises InputError where it has too many families."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._paths = Paths(space)
        self._evaluator = Evaluator(space)
        count = math.prod(space.sizes[number] for number in self._paths.fixed)
        if count > MOST_FAMILIES:
            names = ", ".join(space.free[number].path for number in self._paths.fixed)
            raise InputError(
                f"{space.path or space.name}: {names} have {count:,} combinations, each of which is looked at by "
                f"itself; proofs take up to {MOST_FAMILIES:,}: fix some of them"
            )
        self._families: dict[tuple[int, ...], Family | None] = {}

    @property
    def fixed(self) -> list[int]:
        """The numbers of the parameters of which a box has one value each."""
        return self._paths.fixed

    def costs(self, masks: Masks) -> Figures:
        """Return the least costs in every box: of designs with fast algorithms and of those without, by objective.

        They are infinite where a limit is broken, or there are no such designs.
        """
        found = np.full((len(masks), len(ALTERNATIVES), len(self._space.objectives)), math.inf)
        fixed = masks[:, self.fixed]
        for key in np.unique(fixed, axis=0).tolist():
            rows = np.flatnonzero((fixed == np.array(key, dtype=np.uint64)).all(axis=1))
            family = self._family(tuple(key))
            if family is None:
                continue
            # What can't be is infinite, and so is whatever follows from it.
            with np.errstate(invalid="ignore", divide="ignore"):
                for alternative, metrics in enumerate(family.metrics(masks[rows])):
                    found[rows, alternative] = self._costs(metrics)
        return found

    def _costs(self, metrics: dict[str, Figures]) -> Figures:
        costs = np.stack([_cost(name, metrics[name]) for name in self._space.objectives], axis=1)
        cannot = self._breaks(metrics) | ~np.isfinite(metrics["latency_ms"]) | ~np.isfinite(metrics["area_mm2"])
        costs[cannot] = math.inf
        return costs

    def _family(self, key: tuple[int, ...]) -> Family | None:
        if key not in self._families:
            self._families[key] = self._made(key)
        return self._families[key]

    def _made(self, key: tuple[int, ...]) -> Family | None:
        """Return a family, or None where no design of it can be: whatever the other parameters are."""
        fixed = {number: mask.bit_length() - 1 for number, mask in zip(self.fixed, key, strict=True)}
        # What contradicts each other lies in the memory outside alone.
        others = self._paths.of_bus
        error: InputError | None = None
        for places in product(*(range(self._space.sizes[number]) for number in others)):
            of = {**dict(zip(others, places, strict=True)), **fixed}
            choice = tuple(of.get(number, 0) for number in range(len(self._space.sizes)))
            try:
                self._evaluator.design(self._space.point(choice))
            except InputError as refused:
                error = refused
                continue
            return Family(self._space, self._evaluator, self._paths, choice)
        return None if error is not None else Family(self._space, self._evaluator, self._paths, choice)

    def _breaks(self, metrics: dict[str, Figures]) -> NDArray[np.bool_]:
        breaks = np.zeros(len(next(iter(metrics.values()))), dtype=bool)
        for limit in self._space.limits:
            value, is_rate = metrics[limit.name], METRICS[limit.name].is_rate
            if is_rate and limit.low is not None:
                breaks |= value < limit.low
            if not is_rate and limit.high is not None:
                breaks |= value > limit.high
        return breaks


def _cost(name: str, values: Figures) -> Figures:
    return np.array(
        [cost(name, value) if value or not METRICS[name].is_rate else math.inf for value in values.tolist()]
    )
