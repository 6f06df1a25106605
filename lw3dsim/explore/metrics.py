"""What a design is judged by: metrics of one workload, of several together, and the limits set on them.

Every metric has its unit in its name. Inside the search all objectives are
minimised: :func:`cost` turns the few that are better large round.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.result.costs import Costs

Metrics = dict[str, float]
Combine = Literal["weighted", "worst"]

# Full-width integers have no noise; searches and tables need a number all the same.
EXACT_DB = 120.0

# No design costs as much, or as little, in any unit here.
MOST, LEAST = 1e18, 1e-18


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A figure of a design, and how it is read off what a mapped network costs; None where clips are answered for it.

    Those that are a rate are better large; those that ``adds_up`` are averaged over workloads by weight. One that
    ``takes_time`` to work out is known of a design only where an objective or a limit asks for it. None is ``least`` or
    less unless it can't be; where none is better than ``best``, what is lacking of that is to be minimised.
    """

    about: str
    value: Callable[[Costs], float] | None
    best: float | None = None
    least: float = LEAST
    is_rate: bool = False
    adds_up: bool = False
    takes_time: bool = False


METRICS = {
    "latency_ms": Metric(
        about="time from the begin of a clip to its end, which is that of its batch",
        value=lambda c: c.derived["latency_ms"],
        adds_up=True,
    ),
    "energy_mj": Metric(
        about="energy of one clip", value=lambda c: c.derived["energy_pj"] * 1e-9 / c.network.batch, adds_up=True
    ),
    "edp_mjs": Metric(
        about="energy of a clip times its time",
        value=lambda c: c.derived["edp_js"] * 1e3 / c.network.batch,
        adds_up=True,
    ),
    "dram_mb": Metric(
        about="bytes moved to and from DRAM per clip",
        value=lambda c: c.dram_bytes * 1e-6 / c.network.batch,
        adds_up=True,
    ),
    "area_mm2": Metric(
        about="area of a chip that has what every workload needs", value=lambda c: math.fsum(c.area_mm2.values())
    ),
    "sram_kib": Metric(about="capacity of all buffers", value=lambda c: sram_kib(c.arch)),
    "peak_power_mw": Metric(about="power over the busiest window", value=lambda c: c.peak_power_mw, takes_time=True),
    "average_power_mw": Metric(about="energy of a clip over its time", value=lambda c: c.derived["average_power_mw"]),
    "sqnr_db": Metric(
        about="signal to quantisation noise; 120 where the arithmetic is exact",
        value=lambda c: EXACT_DB if c.sqnr_db is None else min(c.sqnr_db, EXACT_DB),
        best=EXACT_DB,
        least=-MOST,
        is_rate=True,
    ),
    "agreement": Metric(
        about="share of clips on which the trained network in integers answers as in floating point",
        value=None,
        best=1.0,
        least=0.0,
        is_rate=True,
        takes_time=True,
    ),
    "predicted_agreement": Metric(
        about="the same, predicted from the SQNR of the layers: the design answers no clips",
        value=None,
        best=1.0,
        least=0.0,
        is_rate=True,
        takes_time=True,
    ),
    "accuracy": Metric(
        about="share of clips that the trained network in integers answers right",
        value=None,
        best=1.0,
        least=0.0,
        is_rate=True,
        takes_time=True,
    ),
    "clips_per_s": Metric(about="clips a second", value=lambda c: c.derived["clips_per_s"], is_rate=True),
    "frames_per_s": Metric(
        about="frames a second: clips a second times their frames",
        value=lambda c: c.derived["clips_per_s"] * c.frames,
        is_rate=True,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A constraint: the metric ``name`` must not be below ``low`` nor above ``high``."""

    name: str
    low: float | None = None
    high: float | None = None

    def excess(self, value: float) -> float:
        """Return by how much ``value`` breaks the limit, relative to it; 0 or less where it holds."""
        above = -math.inf if self.high is None else (value - self.high) / (abs(self.high) or 1.0)
        below = -math.inf if self.low is None else (self.low - value) / (abs(self.low) or 1.0)
        return max(above, below)

    def __str__(self) -> str:
        bounds = [f">= {self.low:g}"] if self.low is not None else []
        return f"{self.name} {' and '.join([*bounds, *([f'<= {self.high:g}'] if self.high is not None else [])])}"


def known_metrics(asked: Iterable[str]) -> tuple[str, ...]:
    """Return the metrics that are known of every design: those that are ``asked`` for, and all that take no time."""
    wanted = set(asked)
    return tuple(name for name, metric in METRICS.items() if name in wanted or not metric.takes_time)


def metrics_of(costs: Costs, names: Iterable[str]) -> Metrics:
    """Return these metrics of one mapped workload, but for those for which clips are answered."""
    return {name: value(costs) for name in names if (value := METRICS[name].value) is not None}


def measured(names: Iterable[str]) -> list[str]:
    """Return the metrics among ``names`` for which clips are answered."""
    return [name for name in names if METRICS[name].value is None]


def sram_kib(arch: Accelerator) -> float:
    """Return the capacity of all buffers."""
    return float(arch.buffers.total_kib)


def combined(parts: Sequence[Metrics], weights: Sequence[float], how: Combine) -> Metrics:
    """Return the metrics of one chip for several workloads.

    ``weighted`` takes the mean by weight of what adds up, ``worst`` the largest; power, area,
    SQNR, agreement and rates are those of the worst workload either way.
    """
    total = math.fsum(weights)
    metrics: Metrics = {}
    for name in parts[0]:
        values, metric = [part[name] for part in parts], METRICS[name]
        if metric.adds_up and how == "weighted":
            metrics[name] = math.fsum(value * weight for value, weight in zip(values, weights, strict=True)) / total
        else:
            metrics[name] = min(values) if metric.is_rate else max(values)
    return metrics


def cost(name: str, value: float) -> float:
    """Return ``value`` as something to minimise, never below 0: what lacks of the best, and ms per clip or frame.

    Its own inverse: the cost of a cost is the metric again.
    """
    metric = METRICS[name]
    if not metric.is_rate:
        return value
    return 1e3 / value if metric.best is None else metric.best - value


def costs(metrics: Mapping[str, float], objectives: Sequence[str]) -> tuple[float, ...]:
    """Return the objectives of a design, all to be minimised."""
    return tuple(cost(name, metrics[name]) for name in objectives)


def excesses(metrics: Mapping[str, float], limits: Sequence[Limit]) -> dict[str, float]:
    """Return, per limit, by how much it is broken; a metric that is not known breaks none."""
    return {limit.name: limit.excess(metrics[limit.name]) for limit in limits if limit.name in metrics}


def is_allowed(metrics: Mapping[str, float], limits: Sequence[Limit]) -> bool:
    """Return whether a design keeps all limits."""
    return all(excess <= 0 for excess in excesses(metrics, limits).values())
