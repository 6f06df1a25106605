"""Screening against enumeration, in one process each: the same front, and what it takes.

    python experiments/screening.py tiles_and_pes

Nothing is remembered from one to the other, nor from earlier runs. Layers are simulated once per design that differs
in what they depend on; how many different ones there are, enumeration tells.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lw3dsim.base.caches import forget
from lw3dsim.explore.evaluate import Evaluator
from lw3dsim.explore.front import non_dominated
from lw3dsim.explore.plan import Plan
from lw3dsim.explore.record import Record
from lw3dsim.explore.space_file import load_space
from lw3dsim.network.layers import run_problem

if TYPE_CHECKING:
    from lw3dsim.explore.front import Costs
    from lw3dsim.explore.space import Space


@dataclass(frozen=True, kw_only=True)
class Way:
    """What a way to look at every design of a space found and took: designs by outcome, layers that were simulated."""

    front: frozenset[tuple[str, Costs]]
    outcomes: Counter[str]
    layers: int
    seconds: float


def looked_at(space: Space, sampler: str) -> Way:
    """Look at every design of ``space`` as ``sampler`` proposes them; with bounds only where it screens."""
    forget()
    begin = time.process_time()
    plan, evaluator, records = Plan(space, sampler, 0), Evaluator(space), list[Record]()
    screens = plan.kind.screens
    for proposal in plan.survey():
        plan.learn_bounds(proposal.point, evaluator.survey(proposal.point))
    while plan.can_ask() and (batch := plan.ask()):
        for proposal in batch:
            outcome = proposal.outcome or evaluator.evaluate(proposal.point, proposal.front if screens else None)
            records.append(Record(index=proposal.index, point=proposal.point, outcome=outcome, notes={}))
            plan.finish(records[-1])
    seconds = time.process_time() - begin
    return Way(
        front=_front(space, records),
        outcomes=Counter(_outcome(record) for record in records),
        layers=run_problem.cache_info().misses,
        seconds=seconds,
    )


def _outcome(record: Record) -> str:
    outcome = record.outcome
    if outcome.state != "discarded":
        return outcome.state
    return "discarded after some layers" if outcome.layers else "discarded by bounds alone"


def _front(space: Space, records: list[Record]) -> frozenset[tuple[str, Costs]]:
    chosen = [record for record in records if record.is_candidate(space)]
    vectors = [space.costs(record.outcome.metrics) for record in chosen]
    return frozenset((chosen[place].point.id, vectors[place]) for place in non_dominated(vectors))


def main() -> None:
    """Print both ways as a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space", nargs="?", default="tiles_and_pes")
    space = load_space(parser.parse_args().space)
    ways = {sampler: looked_at(space, sampler) for sampler in ("exhaustive", "screening")}
    print(
        "| way | designs simulated | discarded by bounds alone | after some layers | layers simulated | CPU s | front |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|")
    for sampler, way in ways.items():
        alone, after = (way.outcomes[f"discarded {how}"] for how in ("by bounds alone", "after some layers"))
        counts = f"{way.outcomes['done']:,} | {alone:,} | {after:,} | {way.layers:,}"
        print(f"| `{sampler}` | {counts} | {way.seconds:.1f} | {len(way.front)} |")
    is_equal = ways["exhaustive"].front == ways["screening"].front
    print(f"\nThe fronts are {'equal' if is_equal else 'DIFFERENT'}.")


if __name__ == "__main__":
    main()
