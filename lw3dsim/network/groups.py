"""Fused groups: the mappings of each that cost the least, by estimate, by bounds, and by simulation."""

from __future__ import annotations

import math
import operator
from functools import partial
from typing import TYPE_CHECKING

from lw3dsim.account.energy import Sparsity, onchip_pj
from lw3dsim.account.group_tally import tally_group
from lw3dsim.base.caches import kept
from lw3dsim.base.integers import NEVER
from lw3dsim.base.remembered import recall, remember
from lw3dsim.base.values import Value
from lw3dsim.describe.accelerator_file import named_by
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.map.floor import group_compulsory_bytes
from lw3dsim.map.group.dividing import search_divided
from lw3dsim.map.group.search import CANDIDATES, MORE, Found, Plan
from lw3dsim.map.group_fill import group_design
from lw3dsim.network.objective import at_work
from lw3dsim.network.runs import best_run
from lw3dsim.possible.group import is_possible_group
from lw3dsim.schedule.fused import busy_under
from lw3dsim.schedule.group_work import GroupWork

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.account.simulated import GroupRun
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.map.group.group import Blocks, Group
    from lw3dsim.map.layer.price import Price
    from lw3dsim.network.tries import Tried
    from lw3dsim.schedule.build import Drafted
    from lw3dsim.schedule.fused import Busy


def is_possible_plan(group: Group, plan: Plan, arch: Accelerator, lies: tuple[Blocks, ...] | None = None) -> bool:
    """Return whether a fused group can be mapped so, and lie so."""
    known = lies or group.all_blocks
    lies_so = len(plan.blocks) == len(known) and all(map(operator.contains, known, plan.blocks))
    return lies_so and is_possible_group(group, plan.mapping, arch)


@kept(4096)
class _Searched:
    """The search for the cheapest mappings of a group, which goes on where more may be enough than it was before."""

    def __init__(
        self, group: Group, arch: Accelerator, price: Price, most: int, lies: tuple[Blocks, ...] | None
    ) -> None:
        self._search = partial(_find, group, arch, price, most, lies)
        self._found: tuple[Found, ...] = ()
        self._dearer_than = -math.inf

    def up_to(self, enough: float) -> tuple[Found, ...]:
        """Return the cheapest mappings, none where all surely cost more than ``enough``."""
        if not self._found and self._dearer_than < enough:
            self._found, self._dearer_than = self._search(enough), enough
        return self._found


def find_group(
    group: Group,
    arch: Accelerator,
    price: Price,
    most: int,
    lies: tuple[Blocks, ...] | None,
    enough: float = math.inf,
) -> tuple[Found, ...]:
    """Return the cheapest mappings of ``group``, best first; none where all surely cost more than ``enough``.

    They are ``most``, or MORE times as many where the best has few steps. Its input and output are in the best of their
    blocks, or of those that say how it ``lies``. Raises MappingError when none fits.
    """
    return _Searched(group, arch, price, most, lies).up_to(enough)


def _find(
    group: Group, arch: Accelerator, price: Price, most: int, lies: tuple[Blocks, ...] | None, enough: float
) -> tuple[Found, ...]:
    def is_sound(one: Found) -> bool:
        moves_enough = one.dram_bytes >= group_compulsory_bytes(group) and one.cycles > 0 and one.busy >= 0
        return moves_enough and is_possible_plan(group, one.plan, arch, lies)

    question = ("group", group, arch, named_by(arch), price, most, lies)
    known = recall(
        question, tuple[Found, ...], lambda found: 0 < len(found) <= MORE * most and all(map(is_sound, found))
    )
    if known is not None:
        return known
    dearer = *question, "dearer than"
    least = recall(dearer, float, lambda least: least >= 0)
    if least is not None and least >= enough:
        return ()
    found = tuple(
        search_divided(
            group,
            arch,
            make_clocks(arch),
            at_work(price, group.stages, arch),
            keep=most,
            more=MORE,
            lies=lies,
            enough=enough,
        )
    )
    remember(*((question, found) if found else (dearer, enough)))
    return found


@kept(4096)
def run_group(
    group: Group,
    arch: Accelerator,
    price: Price,
    engine: str = "auto",
    most: int = CANDIDATES,
    lies: tuple[Blocks, ...] | None = None,
) -> GroupRun:
    """Simulate the ``most`` promising mappings of ``group`` and keep the cheapest by simulation.

    Of equal ones that with fewer steps, then the mapper's order decide.
    """
    return best_run(GroupSearch(group=group, arch=arch, price=price, most=most, lies=lies), engine)


class Bounded(Value, frozen=True, kw_only=True):
    """A candidate: its place in the mapper's order, the price of its energy on chip, its cycles, the whole at least."""

    number: int
    plan: Plan
    dram_bytes: int
    own: float
    cycles: int
    least: float


def own_cost(group: Group, found: Found, arch: Accelerator, price: Price, busy: float) -> float:
    """Return what a group costs beside its time and the bytes that it moves, with the array ``busy`` so many cycles."""
    if not price.pj:
        return 0.0
    stages, events = tally_group(group, found.plan.mapping, arch, found.dram_bytes)
    spent = price.pj * onchip_pj(stages, events, arch, [Sparsity()] * len(stages))
    return spent + at_work(price, group.stages, arch).busy * busy


@kept(4096)
def group_candidates(asked: GroupSearch) -> list[Bounded]:
    """Return the candidates of a search by what they cost at least: they are bounded before they are simulated."""
    found = find_group(asked.group, asked.arch, asked.price, asked.most, asked.lies)
    busy = busy_under(asked.group, [one.plan.mapping for one in found], asked.arch)
    # Candidates are raced in the order of the DMA.
    clocks = make_clocks(asked.arch).in_order
    bounded = [asked.bounded(number, *one, clocks) for number, one in enumerate(zip(found, busy, strict=True))]
    return sorted(bounded, key=lambda one: (one.least, one.number))


class GroupSearch(Value, frozen=True, kw_only=True):
    """The search for a mapping of a fused group; see :class:`lw3dsim.network.tries.Search`."""

    group: Group
    arch: Accelerator
    price: Price
    most: int
    lies: tuple[Blocks, ...] | None = None
    kind = Plan

    @property
    def question(self) -> object:
        """See Search."""
        return "best of group", self.group, self.arch, named_by(self.arch), self.price, self.most, self.lies

    def is_possible(self, mapping: Plan) -> bool:
        """See Search."""
        return is_possible_plan(self.group, mapping, self.arch, self.lies)

    def design(self, mapping: Plan) -> Accelerator:
        """See Search."""
        return group_design(self.group, mapping.mapping, self.arch)

    def candidates(self) -> list[Bounded]:
        """See Search: by what they cost at least, as what array and DRAM are busy is close to it."""
        return group_candidates(self)

    def mapping(self, candidate: Bounded) -> Plan:
        """See Search."""
        return candidate.plan

    def program(self, candidate: Bounded) -> Drafted:
        """See Search."""
        return self.work(candidate.plan).draft(self.design(candidate.plan), make_clocks(self.arch))

    def work(self, mapping: Plan) -> GroupWork:
        """See Search."""
        return GroupWork(mapping.laid_out(self.group), mapping.mapping)

    def most_ticks(self, candidate: Bounded, tried: Sequence[Tried[Bounded]]) -> int | None:
        """See Search; a cycle more, as costs are no integers."""
        cheapest = min(map(self._cost, tried))
        if candidate.least > cheapest:
            return None
        if not self.price.cycle:
            return NEVER
        own = candidate.own + self.price.of(0, candidate.dram_bytes)
        return (int((cheapest - own) / self.price.cycle) + 1) * make_clocks(self.arch).cycle_ticks

    def best(self, tried: Sequence[Tried[Bounded]]) -> Tried[Bounded]:
        """See Search."""
        return min(tried, key=lambda one: (self._cost(one), one.program.steps, one.candidate.number))

    def _cost(self, one: Tried[Bounded]) -> float:
        return one.candidate.own + self.price.of(one.raced.latency_cycles, one.candidate.dram_bytes)

    def bounded(self, number: int, found: Found, busy: Busy, clocks: Clocks) -> Bounded:
        """Return a candidate with its bounds: the array's, and those of what it moves, refreshes included."""
        bursts = found.dram_bytes // clocks.burst_bytes
        moving = self.arch.layer_setup_cycles * clocks.cycle_ticks + clocks.bound_ticks(bursts)
        ticks = max(busy.least_ticks(clocks), moving, clocks.refreshed_ticks(bursts))
        cycles = -(-ticks // clocks.cycle_ticks)
        own = own_cost(self.group, found, self.arch, self.price, busy.cycles)
        least = own + self.price.of(cycles, found.dram_bytes)
        return Bounded(number=number, plan=found.plan, dram_bytes=found.dram_bytes, own=own, cycles=cycles, least=least)
