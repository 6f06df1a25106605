"""What a proof says, in lines and as a record."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from lw3dsim.base.records import Record, figure
from lw3dsim.explore.metrics import cost

if TYPE_CHECKING:
    from lw3dsim.explore.proof.search import Prover, Verdict

# Factors by which designs that are not ruled out may beat the front.
FACTORS = (1.0, 1.1, 1.25, 1.5, 2.0)

# What comes of a choice, in words.
WORDS: dict[Verdict, str] = {
    "dominated": "a design of the front is better",
    "over_limits": "break a limit, or can't be",
    "simulated": "simulated",
    "alike": "the same design as another choice",
}


class Proof(Record, frozen=True, kw_only=True):
    """What is proved of a space so far: its choices by what is known of them, and how far its front may be off."""

    space: str
    seconds: Annotated[float, figure("that the proof took, of all runs of it")]
    boxes_bounded: int
    choices: Annotated[int, figure("points of the space")]
    dominated: Annotated[int, figure("choices that a design of the front is better than")]
    over_limits: Annotated[int, figure("choices that break a constraint, or can't be")]
    simulated: int
    alike: Annotated[int, figure("choices that are the same design as another")]
    open: Annotated[int, figure("choices that nothing is proved of yet")]
    open_boxes: int
    front: Annotated[int, figure("designs on the front")]
    factor: Annotated[
        float | None,
        figure("of any design, one on the front costs at most so much times as much in every objective; None: unknown"),
    ]
    shares_within: Annotated[dict[str, float], figure("by factor, the share of choices that beat the front by no more")]
    bounds: Annotated[dict[str, float], figure("by objective, what no design of the space is better than")]

    @property
    def is_finished(self) -> bool:
        """Whether all is proved: the front is that of the whole space."""
        return self.open == 0

    def __repr__(self) -> str:
        """Return what is proved, in sentences."""
        return "\n".join(lines(self))


def line(prover: Prover) -> str:
    """Return where a proof is, in a line."""
    found = prover.certificate()
    decided = 1 - found.open_choices / found.choices
    return (
        f"{found.seconds:,.0f} s: {decided:.2%} of {found.choices:,} choices decided, the front of {found.front} "
        f"within a factor of {found.factor:.3g} of any design; {found.open_boxes:,} open boxes, "
        f"{found.verdicts['simulated']:,} designs simulated"
    )


def _bounds(prover: Prover) -> dict[str, float]:
    """Return, by objective, what no design of the space is better than, as far as that is known."""
    found = prover.certificate()
    pairs = zip(prover.space.objectives, found.ideal, strict=False)
    return {name: cost(name, value) for name, value in pairs if 0 < value < math.inf}


def record(prover: Prover) -> Proof:
    """Return what is proved."""
    found = prover.certificate()
    shares = zip(FACTORS, prover.shares_within(FACTORS), strict=True)
    return Proof(
        space=prover.space.name,
        seconds=round(found.seconds, 1),
        boxes_bounded=found.looked_at,
        choices=found.choices,
        **{verdict: found.verdicts[verdict] for verdict in WORDS},
        open=found.open_choices,
        open_boxes=found.open_boxes,
        front=found.front,
        factor=found.factor if math.isfinite(found.factor) else None,
        shares_within={f"{limit:g}": share for limit, share in shares},
        bounds=_bounds(prover),
    )


def lines(found: Proof) -> list[str]:
    """Return what is proved, in sentences."""
    said = [
        f"{found.space}: {found.choices:,} choices; {found.seconds:,.0f} s, {found.boxes_bounded:,} boxes bounded",
        *(f"{_share(getattr(found, verdict), found.choices)}: {words}" for verdict, words in WORDS.items()),
        f"{_share(found.open, found.choices)}: open, in {found.open_boxes:,} boxes",
    ]
    if found.is_finished:
        return [*said, f"the front of {found.front} designs is that of the whole space"]
    factor = math.inf if found.factor is None else found.factor
    said.append(f"of any design, one of the {found.front} on the front costs at most {factor:.4g} times as much")
    said += [
        f"{share:.4%} of the choices beat the front by no more than a factor of {limit} in all objectives at once"
        for limit, share in found.shares_within.items()
    ]
    best = ", ".join(f"{name} {value:.4g}" for name, value in found.bounds.items())
    return [*said, f"no design is better in any objective than {best}"] if best else said


def _share(count: int, of: int) -> str:
    return f"{count:,} ({count / of:.4%})"
