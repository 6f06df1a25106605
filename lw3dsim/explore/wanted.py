"""What a run asks of a study, and what a proof is asked for: declared once, for Python and for the command line."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from lw3dsim.arguments import (
    as_number,
    as_optional_integer,
    as_optional_path,
    as_optional_truth,
    as_text,
    as_truth,
    as_word,
)
from lw3dsim.base.parameters import Parameters, parameter
from lw3dsim.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.arguments import PathArgument

MAX_TRIALS = 100_000_000
MAX_WORKERS = 1024
MAX_BATCH = 10_000
PATIENCE_S = 60.0
LONGEST_S = 86_400
# A year.
LONGEST_MINUTES = 525_600


def _whole(low: int, high: int) -> Callable[[str, object], int | None]:
    return partial(as_optional_integer, low=low, high=high)


def _sampler(name: str, value: object) -> str | None:
    from lw3dsim.explore.samplers import SAMPLERS

    return None if value is None else as_word(name, value, SAMPLERS)


def _seed(name: str, value: object) -> int | None:
    from lw3dsim.network.request import MAX_SEED

    return as_optional_integer(name, value, 0, MAX_SEED)


def _limit(name: str, value: object) -> float | None:
    return None if value is None else as_number(name, value, 0.1, LONGEST_S)


def _minutes(name: str, value: object) -> float | None:
    return None if value is None else as_number(name, value, 0, LONGEST_MINUTES)


def as_address(name: str, value: object) -> str | None:
    """Return the address of a scheduler, or None. Raises ArgumentError for what has not the form of one."""
    if value is None:
        return None
    what = "the address of a scheduler, as tcp://host:8786"
    address = as_text(name, value, what)
    if not re.fullmatch(r"[a-z]+://[!-~]+", address):
        raise ArgumentError(name, value, f"expected {what}")
    return address


class Wanted(Parameters):
    """What a run asks for; what is None is the study's own, or the default of a new one."""

    trials: int | None = parameter(
        _whole(1, MAX_TRIALS),
        "Finished points that the study shall have in all. Default: for exhaustive and screening every design, "
        "else 1000.",
        default=None,
        values="N",
    )
    sampler: str | None = parameter(
        _sampler,
        "exhaustive, screening, random, qmc, tpe, nsga2, nsga3 or gp. Default: exhaustive where the trials cover the "
        "space (without trials: up to 20,000 choices), else nsga2.",
        default=None,
        values="NAME",
    )
    seed: int | None = parameter(_seed, "Seed of the sampler. Default: 0.", default=None, values="N")
    workers: int | None = parameter(
        _whole(1, MAX_WORKERS), "Worker processes. Default: one per core.", default=None, values="N"
    )
    dask: str | None = parameter(
        as_address,
        "Have the workers of a Dask cluster evaluate the points: the address of its scheduler, as tcp://host:8786.",
        default=None,
        values="ADDRESS",
    )
    resume: bool = parameter(as_truth, "Go on with the study, or join it, where it is there.", default=False)
    batch: int | None = parameter(
        _whole(1, MAX_BATCH), "Points that the sampler proposes at once.", default=None, values="N"
    )
    bounds: bool | None = parameter(
        as_optional_truth,
        "Discard designs that bounds prove to be off the front, without simulating them. Default: do.",
        default=None,
        option="--bounds/--no-bounds",
    )
    patience_s: float = parameter(
        partial(as_number, low=0.5, high=LONGEST_S),
        "Seconds after which the points of a silent process on a shared storage are taken over.",
        default=PATIENCE_S,
        values="SECONDS",
        option="--patience",
    )
    point_limit_s: float | None = parameter(
        _limit,
        "Seconds after which a point is stopped, and counts as failed. Default: none.",
        default=None,
        values="SECONDS",
        option="--point-limit",
    )


class Proving(Parameters):
    """What a proof is asked for."""

    out: PathArgument | None = parameter(
        as_optional_path,
        "The file that keeps the proof. Default: results/dse/NAME.proof.",
        default=None,
        values="FILE",
    )
    minutes: float | None = parameter(_minutes, "How long. Default: until all is proved.", default=None, values="M")
    resume: bool = parameter(as_truth, "Go on with the proof that is there.", default=False)
