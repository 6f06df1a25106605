"""What a design point costs: one simulation per workload, and what came of it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lw3dsim.base.caches import forget
from lw3dsim.base.values import replace
from lw3dsim.describe.states import keeping_state
from lw3dsim.errors import InputError, MappingError, PluginError, raised
from lw3dsim.explore.bounds import why_not
from lw3dsim.explore.metrics import combined, measured, metrics_of
from lw3dsim.explore.prospect import Prospect
from lw3dsim.network.pipeline import in_batch, map_prepared, prepare, resolve_design, resolve_network
from lw3dsim.network.request import Request, check_batch
from lw3dsim.network.views import viewed
from lw3dsim.network.widths import in_widths, layers_in_widths, says_widths
from lw3dsim.result.costs import Costs
from lw3dsim.transform.lowering import lowered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lw3dsim.account.area import AreaBreakdown
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.explore.answers import Answering
    from lw3dsim.explore.front import Costs as Vector
    from lw3dsim.explore.metrics import Metrics
    from lw3dsim.explore.point import Load, Point
    from lw3dsim.explore.space import Space

State = Literal["done", "infeasible", "discarded", "failed"]

# What a process may hold before it forgets the layers that it has simulated.
MEMORY_LIMIT_MB = 1024


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a point.

    ``done`` has all metrics of the space; ``infeasible`` (no mapping exists, or fields contradict each other) and
    ``failed`` (a fault of the program, or of a plug-in) have a ``reason``; ``discarded`` was not simulated: its lower
    bounds, which are its metrics, break a limit or are dominated already, or are all that was asked for; ``layers`` had
    to be simulated, or were known from other designs, before that was clear.
    """

    state: State
    metrics: Metrics
    reason: str = ""
    seconds: float = 0.0
    layers: int = 0


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a point: what comes of it, given a ``front`` that its bounds are held against.

    For a ``survey`` no more than what it costs at least.
    """

    point: Point
    front: tuple[Vector, ...] = ()
    is_survey: bool = False


class Evaluator:
    """Evaluates the points of a space in this process."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self._networks: dict[tuple[str, ...], Workload] = {}
        self._written: dict[tuple[str, ...], Workload] = {}
        self._answering: Answering | None = None

    def prospect(self, point: Point) -> Prospect:
        """Return what ``point`` costs at least. Raises InputError where it can't be mapped."""
        arch = self.design(point)
        return Prospect(self.space, [(load, viewed(network, arch)) for load, network in self._pairs(point)], arch)

    def _pairs(self, point: Point) -> list[tuple[Load, Workload]]:
        return [(load.at(point), self.network(load, point)) for load in self.space.loads]

    def answer(self, question: Question, *, with_bounds: bool) -> Outcome:
        """Return what came of a point, by its bounds too where they may be used; of a survey, the bounds."""
        if question.is_survey:
            return self.survey(question.point)
        return self.evaluate(question.point, question.front if with_bounds else None)

    def survey(self, point: Point) -> Outcome:
        """Return what ``point`` costs at least, or why it can't be told: the metrics of a design that is discarded."""
        return self._settled(lambda: Outcome(state="discarded", metrics=self.prospect(point).least))

    def evaluate(self, point: Point, front: tuple[Vector, ...] | None = None) -> Outcome:
        """Return what came of ``point``; with a ``front``, it is discarded where bounds show that it can't join."""
        return self._settled(lambda: self._evaluated(point, front))

    @staticmethod
    def _settled(work: Callable[[], Outcome]) -> Outcome:
        """Return what ``work`` makes, or what it fails with, and the time that it took."""
        begin = time.perf_counter()
        try:
            outcome = work()
        except PluginError as error:
            outcome = Outcome(state="failed", metrics={}, reason=str(error))
        except InputError as error:
            outcome = Outcome(state="infeasible", metrics={}, reason=str(error))
        except Exception as error:  # whatever else goes wrong belongs to this point alone
            outcome = Outcome(state="failed", metrics={}, reason=raised(error, 300))
        seconds = round(time.perf_counter() - begin, 4)
        if is_memory_full():
            forget()
        return replace(outcome, seconds=seconds)

    def _evaluated(self, point: Point, front: tuple[Vector, ...] | None) -> Outcome:
        # Without a front and limits there is nothing that bounds could break.
        if front or (front is not None and self.space.limits):
            discarded = self._discarded(point, front)
            if discarded is not None:
                return discarded
        arch = self.design(point)
        costs = [self._costs(load, network, arch) for load, network in self._pairs(point)]
        parts = [metrics_of(of, self.space.metrics) for of in costs]
        if wanted := measured(self.space.metrics):
            answers = [self._answers(load, point, of) for load, of in zip(self.space.loads, costs, strict=True)]
            parts = [part | {name: of[name] for name in wanted} for part, of in zip(parts, answers, strict=True)]
        weights = [load.weight for load in self.space.loads]
        metrics = combined(parts, weights, self.space.combine)
        if len(costs) > 1:
            metrics["area_mm2"] = _shared_area([of.area_mm2 for of in costs])
        return Outcome(state="done", metrics=metrics)

    def _answers(self, load: Load, point: Point, of: Costs) -> Metrics:
        """Return what a network answers on clips in the integers of a design that it was mapped on."""
        if self._answering is None:
            from lw3dsim.explore.answers import Answering

            self._answering = Answering(self.space)
        assert load.examined is not None  # noqa: S101  # the space has checked it
        self.network(load, point)
        written = self._written[_key(load.at(point))]
        return self._answering.metrics(load.examined, written, of.units, of.arch, measured(self.space.metrics))

    def _discarded(self, point: Point, front: tuple[Vector, ...]) -> Outcome | None:
        """Look at a design layer by layer until it is clear that it can't join ``front``; None where it never is."""
        try:
            prospect = self.prospect(point)
        except MappingError:
            # Whoever maps it for good says where the fault lies.
            return None
        while True:
            least = prospect.least
            if reason := why_not(self.space, least, front):
                return Outcome(state="discarded", metrics=least, reason=reason, layers=prospect.simulated)
            if not prospect.refine():
                return None

    @staticmethod
    def _costs(load: Load, network: Workload, arch: Accelerator) -> Costs:
        """Return what a network costs on ``arch``, mapped as ``load`` says; no records are made of it."""
        asked = Request(
            workload=network,
            arch=arch,
            algorithm=load.algorithm,
            batch=load.batch,
            fusion=load.fusion,
            objective=load.objective,
        )
        check_batch(asked)
        prepared = prepare(asked)
        return Costs(prepared.network, prepared.design, map_prepared(prepared))

    def design(self, point: Point) -> Accelerator:
        """Return the accelerator of ``point``, in the widths of the networks that it runs. Raises InputError."""
        arch = resolve_design(point.arch(self.space.arch), point.overrides, None, None)
        networks = [self._asked(load, point) for load in self.space.loads]
        one, *others = dict.fromkeys(in_widths(arch, network, point.overrides) for network in networks)
        if others:
            names = ", ".join(dict.fromkeys(network.name for network in networks))
            raise InputError(
                f"{names} are in different widths; fix precision.activation_bits and precision.weight_bits in the space"
            )
        return one

    def network(self, load: Load, point: Point) -> Workload:
        """Return the network that ``point`` runs for ``load``, as it is run, in the widths of its layers."""
        network = self._asked(load, point)
        return layers_in_widths(network, self.design(point), point.overrides) if says_widths(network) else network

    def _asked(self, load: Load, point: Point) -> Workload:
        """Return the same without its widths; made once per process."""
        chosen = load.at(point)
        key = _key(chosen)
        if key not in self._networks:
            one = resolve_network(chosen.workload, chosen.transform, chosen.input_size, chosen.classes, chosen.dims)
            self._written[key] = one
            self._networks[key] = keeping_state(
                in_batch(lowered(one), chosen.batch), chosen.stream_state or one.stream_state
            )
        return self._networks[key]


def _key(chosen: Load) -> tuple[str, ...]:
    """Return what tells a network from others of the space."""
    sized = (chosen.workload, str(chosen.transform), str(chosen.input_size), str(chosen.classes), *chosen.dims)
    return (*sized, str(chosen.batch), str(chosen.stream_state))


def _shared_area(parts: Sequence[AreaBreakdown]) -> float:
    """Return the area of a chip that has the largest of every component."""
    return math.fsum(max(part[name] for part in parts) for name in parts[0])


def is_memory_full() -> bool:
    """Return whether this process holds more than it may."""
    return _resident_mb() > MEMORY_LIMIT_MB


def _resident_mb() -> float:
    """Return the memory that this process holds now (0 where the system does not say)."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * 4096 / 1e6
