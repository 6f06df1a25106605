"""Layers one by one: the best algorithm and mapping of each, by simulation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from lw3dsim.account.energy import Sparsity, own_pj
from lw3dsim.account.simulated import RUNS
from lw3dsim.base.caches import kept, once
from lw3dsim.base.integers import NEVER
from lw3dsim.base.values import Value, replace
from lw3dsim.describe.accelerator_file import named_by
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.errors import MappingError
from lw3dsim.machine.problem import make_problem, on_rows, problem_of
from lw3dsim.map.division import layer_design
from lw3dsim.map.floor import floor_bytes
from lw3dsim.map.layer.mapping import Mapping, all_blocks
from lw3dsim.map.layer.price import BYTES_ONLY, CANDIDATES, TOLERANCE, Price
from lw3dsim.network.runs import bare, found_run, paced_by, remembered_run, seen_by
from lw3dsim.possible.layer import is_possible
from lw3dsim.schedule.work import LayerWork
from lw3dsim.transform.algorithms import candidates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lw3dsim.account.simulated import LayerRun
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.describe.shape import Widths
    from lw3dsim.describe.workload import AnyLayer, Shape, Workload
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.layer.mapping import Quanta
    from lw3dsim.map.layer.search import Candidate
    from lw3dsim.network.tries import Tried
    from lw3dsim.schedule.build import Drafted
    from lw3dsim.transform.algorithms import Algorithm, Kind


Found = TypeVar("Found")

# The channel blocks in which a layer or group has its input and output, None for as it would by itself.
Lies = tuple[int | None, ...]

AS_IT_LIES: Lies = (None, None)


def problems_of(network: Workload, arch: Accelerator, policy: str) -> list[Problem]:
    """Return the layers of ``network`` in every algorithm that ``policy`` allows them, each different one once."""
    problems = [
        problem_of(network, layer, algorithm, arch)
        for layer in network.layers
        for algorithm in candidates(layer, policy, arch.winograd.m1, arch.winograd.m2)
    ]
    return list(dict.fromkeys(problems))


class Alone(NamedTuple):
    """A layer apart from its network: what it reads and makes, its clips, and where in which algorithms it may run.

    It has no name, nor have its inputs, so that those that networks repeat are one.
    """

    layer: AnyLayer
    inputs: tuple[Shape, ...]
    output: Shape
    clips: tuple[int, int, Widths]
    allowed: tuple[Algorithm, ...]
    arch: Accelerator


def by_itself(
    network: Workload, layer: AnyLayer, arch: Accelerator, policy: str, without: frozenset[Kind] = frozenset()
) -> Alone:
    """Return a layer apart, in the algorithms that ``policy`` allows, but for kinds to do ``without``."""
    allowed = candidates(layer, policy, arch.winograd.m1, arch.winograd.m2)
    return Alone(
        layer=msgspec.structs.replace(layer, name="", inputs=()),
        inputs=network.input_shapes(layer),
        output=network.shapes[layer.name],
        clips=network.clips(layer),
        allowed=tuple([one for one in allowed if one.kind not in without]) if without else allowed,
        arch=bare(arch),
    )


def run_layer(
    network: Workload,
    layer: AnyLayer,
    arch: Accelerator,
    policy: str,
    engine: str,
    price: Price | None,
    without: frozenset[Kind] = frozenset(),
    lies: Lies = AS_IT_LIES,
) -> LayerRun:
    """Map and simulate a layer with the best of the algorithms that ``policy`` allows, but for kinds to do ``without``.

    Its tensors are where it ``lies``. For BYTES_ONLY its tiles may be whole blocks of any size.
    Raises MappingError where no tiling fits the buffers.
    """
    return _best_run(by_itself(network, layer, arch, policy, without), engine, price, lies)


def fewest_bytes(
    network: Workload,
    layer: AnyLayer,
    arch: Accelerator,
    policy: str,
    lies: Lies = AS_IT_LIES,
) -> tuple[int, Problem]:
    """Return the DRAM bytes that no mapping of a layer moves less of, and the problem that it is mapped as for these.

    That is in the algorithms that ``policy`` allows. Raises MappingError where no tiling fits the buffers.
    """
    return fewest_alone(by_itself(network, layer, arch, policy), lies)


@kept(65536)
def fewest_alone(asked: Alone, lies: Lies = AS_IT_LIES) -> tuple[int, Problem]:
    """Return the same of a layer apart from its network."""
    ways = partial(_fewest_bytes_of, lies=lies)
    return min(of_ways(asked, ways), key=lambda found: found[0])


def _fewest_bytes_of(problem: Problem, arch: Accelerator, lies: Lies) -> tuple[int, Problem]:
    return fewest_bytes_of(laid(problem, lies), arch), problem


@kept(65536)
def fewest_bytes_of(problem: Problem, arch: Accelerator) -> int:
    """Return the DRAM bytes that no mapping of ``problem`` moves less of; raise MappingError where none fits."""
    quanta = all_blocks(problem, arch)
    asked = LayerSearch(problem=problem, arch=arch, price=BYTES_ONLY, most=CANDIDATES, quanta=quanta)
    return min(found.bursts for found in asked.candidates()) * asked.clocks.burst_bytes


def floor_of_ways(network: Workload, layer: AnyLayer, arch: Accelerator, policy: str) -> int:
    """Return DRAM bytes below which no schedule of a layer gets, in any algorithm that it may run in."""
    tiles = arch.winograd.m1, arch.winograd.m2
    # Where none of the others fits, it runs direct.
    allowed = dict.fromkeys((*candidates(layer, policy, *tiles), candidates(layer, "direct", *tiles)[0]))
    problems = (problem_of(network, layer, algorithm, arch) for algorithm in allowed)
    return min(floor_bytes(problem, arch.buffers.capacity_bits) for problem in problems)


def laid(problem: Problem, lies: Lies) -> Problem:
    """Return a layer with its input and output in these channel blocks, None for as they are."""
    first, last = lies[0] or problem.input_block, lies[1] or problem.output_block
    if (first, last) == (problem.input_block, problem.output_block):
        return problem
    return replace(problem, input_block=first, output_block=last)


@kept(RUNS)
def _best_run(asked: Alone, engine: str, price: Price | None, lies: Lies) -> LayerRun:
    """Return the run of a layer with the best of the ``allowed`` algorithms, or direct where none of them fits."""
    wanted = price or Price(cycle=1.0, dram_byte=0.0)

    def ways(problem: Problem, seen: Accelerator) -> LayerRun:
        lying = laid(problem, lies)
        quanta = all_blocks(lying, seen) if price == BYTES_ONLY else None
        return run_problem(lying, seen, engine, price, quanta=quanta)

    runs = of_ways(asked, ways)
    return runs[0] if len(runs) == 1 else min(runs, key=lambda run: _cost(run, asked.arch, wanted))


def of_ways(asked: Alone, found: Callable[[Problem, Accelerator], Found]) -> list[Found]:
    """Return what is ``found`` of a layer in every algorithm and on the rows in every way that fits, as arch sees it.

    Where none of the ``allowed`` algorithms fits it runs direct. Raises MappingError where nothing does.
    """
    layer, inputs, output, clips, allowed, arch = asked
    made, reason = list[Found](), ""
    for algorithm in allowed:
        try:
            made += _of_rows(make_problem(layer, inputs, output, algorithm, arch, *clips), arch, found)
        except MappingError as error:
            if not algorithm.is_winograd:
                raise
            reason = str(error)
    if not made:
        direct = replace(candidates(layer, "direct", 1, 1)[0], reason=reason)
        made = _of_rows(make_problem(layer, inputs, output, direct, arch, *clips), arch, found)
    return made


def _of_rows(problem: Problem, arch: Accelerator, found: Callable[[Problem, Accelerator], Found]) -> list[Found]:
    """Return what is ``found`` of every way to lay ``problem`` on the rows that fits; raise MappingError for none."""
    made: list[Found] = []
    for way in on_rows(problem, arch.places("output_channels")):
        try:
            made.append(found(way, seen_by(way, arch)))
        except MappingError as error:
            reason = error
    if not made:
        raise reason
    return made


def _cost(run: LayerRun, arch: Accelerator, price: Price) -> float:
    own = own_pj(run.stages, run.events, dict(run.cycles_by_cause), arch, [Sparsity()]) if price.pj else 0.0
    price = price.counted(make_clocks(arch))
    return price.of(run.latency_cycles, run.dram_bytes) + price.row * run.dram.activates + price.pj * own


@kept(RUNS)
def run_problem(
    problem: Problem,
    arch: Accelerator,
    engine: str = "auto",
    price: Price | None = None,
    most: int = CANDIDATES,
    quanta: Quanta | None = None,
) -> LayerRun:
    """Search mappings of ``problem``, simulate the ``most`` promising, or as LayerSearch has it; keep the best.

    The best is the cheapest by ``price``, without one the fastest: latencies within 1/200
    count as equal; then fewer DRAM bytes, then the mapper's order decide. Tiles are whole blocks as its tensors
    lie, or ``quanta``. Designs of which the same mappings are simulated at the same pace share the best of them.
    """
    return remembered_run(
        LayerSearch(problem=problem, arch=arch, price=price, most=most, quanta=quanta), engine, _found_run
    )


def _found_run(search: LayerSearch, engine: str) -> tuple[Mapping, LayerRun]:
    paced = paced_by((search.problem,), search.arch)
    if paced == search.arch:
        return found_run(search, engine)
    mapping, run = _found_among(replace(search, arch=paced, offered=tuple(search.candidates())), engine)
    return mapping, replace(run, arch=search.design(mapping))


@kept(RUNS)
def _found_among(search: LayerSearch, engine: str) -> tuple[Mapping, LayerRun]:
    return found_run(search, engine)


@kept(16384)
def _candidates(asked: LayerSearch) -> list[Candidate]:
    """Return the candidates of a search: bounds of a design look at them before it is simulated."""
    # What searches is imported once a mapping is not recalled.
    from lw3dsim.network.layer_candidates import candidates_of

    return candidates_of(
        asked.problem, asked.arch, asked.clocks, asked.price, asked.keep, asked.burst_ticks, asked.quanta
    )


# Of layers without weights, of up to so many operations, so many times as many mappings are simulated.
SMALL, MORE = 1 << 16, 3


class LayerSearch(Value, frozen=True, kw_only=True, dict=True, gc=True):
    """The search for a mapping of one layer, in all or among those ``offered``: see Search in ``network/tries.py``."""

    problem: Problem
    arch: Accelerator
    price: Price | None
    most: int
    quanta: Quanta | None = None
    offered: tuple[Candidate, ...] | None = None
    kind = Mapping

    @property
    def question(self) -> object:
        """See Search."""
        return "layer", self.problem, self.arch, named_by(self.arch), self.price, self.most, self.quanta

    @property
    def keep(self) -> int:
        """Mappings that are simulated: more than ``most`` of small layers without weights, of unsure estimates."""
        problem = self.problem
        is_quick = not problem.has_weights and problem.outputs * problem.ops_per_output <= SMALL
        return MORE * self.most if is_quick else self.most

    @once
    def clocks(self) -> Clocks:
        """The clocks of the design."""
        return make_clocks(self.arch)

    @once
    def burst_ticks(self) -> int:
        """What a burst is worth, in ticks."""
        return 0 if self.price is None else self.price.counted(self.clocks).burst_ticks(self.clocks)

    def is_possible(self, mapping: Mapping) -> bool:
        """See Search."""
        return is_possible(self.problem, mapping, self.arch)

    def design(self, mapping: Mapping) -> Accelerator:
        """See Search."""
        return layer_design(self.problem, mapping, self.arch)

    def candidates(self) -> Sequence[Candidate]:
        """See Search: by what is estimated, the most promising first."""
        return _candidates(self) if self.offered is None else self.offered

    def mapping(self, candidate: Candidate) -> Mapping:
        """See Search."""
        return candidate.mapping

    def program(self, candidate: Candidate) -> Drafted:
        """See Search."""
        return self.work(candidate.mapping).draft(self.arch, self.clocks)

    def work(self, mapping: Mapping) -> LayerWork:
        """See Search."""
        return LayerWork(self.problem, mapping)

    def most_ticks(self, candidate: Candidate, tried: Sequence[Tried[Candidate]]) -> int | None:
        """See Search: it costs as much; or is slower, or no faster than one that moves no more."""
        most = self._most_ticks(candidate, tried)
        is_late = candidate.bound_ticks > most or self.clocks.refreshed_ticks(candidate.bursts) > most
        return None if is_late else most

    def _most_ticks(self, candidate: Candidate, tried: Sequence[Tried[Candidate]]) -> int:
        """Return ticks above which a candidate costs as much as the best, or is not nearly as fast, or no faster.

        That is than one that moves no more. One that is nearly the fastest so far need not stay it: what moves more is
        left out only where bounds of all candidates tell that it does.
        """
        best, bursts = self.best(tried), candidate.bursts
        if self.burst_ticks:
            return min(self._cost(best) - self.burst_ticks * bursts - candidate.own_ticks - 1, NEVER)
        no_more = best.candidate.bursts <= bursts
        if no_more and self._ticks(best) * TOLERANCE <= self._least_ticks * (TOLERANCE + 1):
            return -1
        ticks = [self._ticks(run) for run in tried]
        near = min(ticks) * (TOLERANCE + 1) // TOLERANCE
        faster = [took - 1 for took, run in zip(ticks, tried, strict=True) if run.candidate.bursts <= bursts]
        return min(near, *faster) if faster else near

    @once
    def _least_ticks(self) -> int:
        """Ticks that no candidate beats."""
        return min(candidate.bound_ticks for candidate in self.candidates())

    def best(self, tried: Sequence[Tried[Candidate]]) -> Tried[Candidate]:
        """See Search: the cheapest; where bursts cost nothing, what moves the fewest among the nearly fastest."""
        if len(tried) == 1:
            return tried[0]
        if self.burst_ticks:
            return min(tried, key=self._cost)
        cycles = [run.raced.latency_cycles for run in tried]
        most = min(cycles) * (TOLERANCE + 1)
        near = [run for run, took in zip(tried, cycles, strict=True) if took * TOLERANCE <= most]
        return min(near, key=lambda run: run.candidate.bursts)

    def _ticks(self, run: Tried[Candidate]) -> int:
        return run.raced.latency_cycles * self.clocks.cycle_ticks

    def _cost(self, run: Tried[Candidate]) -> int:
        return self._ticks(run) + self.burst_ticks * run.candidate.bursts + run.candidate.own_ticks
