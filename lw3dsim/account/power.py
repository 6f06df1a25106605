"""Power over time: when the energy of a layer is spent, and the most of it in any window.

The dynamic energy of a step is spread evenly over its [start, end], that of a transfer
over its [grant, ready]; leakage and DRAM background are constant over the layer.
Energy as a function of time is then piecewise linear, and so is what falls into a
window that slides over it: its maximum has an edge of the window on a breakpoint.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # read where a run is recalled
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.account.energy import TIMED
from lw3dsim.account.events import STREAMS
from lw3dsim.base.arrays import Ints  # noqa: TC001  # likewise
from lw3dsim.base.values import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.account.energy import Causes
    from lw3dsim.base.arrays import Floats
    from lw3dsim.engine.trace import Trace
    from lw3dsim.schedule.program import Kinds, Program

PS_PER_NS = 1000

# What a step's share of an energy is measured by, by component and, where they differ, cause.
_DRIVERS = {
    ("ifmap_sram", "array"): "ifmap_read_words",
    ("weight_sram", "array"): "weight_read_words",
    ("ofmap_sram", "array"): "result_words",
    ("ofmap_sram", "partial_sums"): "ofmap_write_bits",
    ("ofmap_sram", "intermediate_reads"): "intermediate_read_words",
    ("ofmap_sram", "intermediate_writes"): "intermediate_write_words",
    ("multipliers", "compute"): "mults",
    ("accumulators", "compute"): "mults",
    ("operand_registers", "compute"): "mults",
    ("staging", "compute"): "staged_inputs",
    ("wires", "array"): "ported_bits",
    ("wires", "compute"): "staged_inputs",
    ("input_transform", "compute"): "input_tiles",
    ("weight_transform", "compute"): "weight_kernels",
    ("output_transform", "compute"): "output_tiles",
    ("collector", "compute"): "collected",
    ("collector", "partial_sums"): "ofmap_read_bits",
    ("vector", "compute"): "vector_ops",
}

# What passes a buffer's port while the array works, or the vector unit.
_PORTED = (
    "ifmap_read_bits", "weight_read_bits", "ofmap_read_bits", "ofmap_write_bits", "intermediate_read_bits",
    "intermediate_write_bits",
)  # fmt: skip


# Spent evenly over all of the time.
_CONSTANT = {*TIMED, "clock"}

# Those that kinds of steps count as they are.
_COUNTED = sorted({*_DRIVERS.values()} - {"collected", "ported_bits"})


class Activity(Value, frozen=True, kw_only=True):
    """When a layer works, in ps: its steps, of a kind each that counts events, and its transfers with their bursts."""

    start: Ints
    end: Ints
    kind: Ints
    counts: Mapping[str, Ints]
    grant: Mapping[str, Ints]
    ready: Mapping[str, Ints]
    bursts: Mapping[str, Ints]


class Profile(Value, frozen=True, kw_only=True):
    """Energy spent (pJ) up to each of some times (ps), linear in between; begins with (0, 0)."""

    time: Floats
    energy: Floats

    def peak_mw(self, window_ps: float) -> float:
        """Return the largest power averaged over a window, over all of the time where that is shorter.

        Never less than the average: in a time of one to two windows all of them overlap in its middle.
        """
        length = float(self.time[-1])
        window = min(window_ps, length)
        begins = np.clip(np.concatenate((self.time, self.time - window)), 0, length - window)
        spent = np.interp(begins + window, self.time, self.energy) - np.interp(begins, self.time, self.energy)
        average = float(self.energy[-1]) / length
        return max(float(spent.max()) / window, average) * PS_PER_NS


def counts_of(kinds: Kinds) -> dict[str, Ints]:
    """Return by name what ``_DRIVERS`` measure by, of every kind of step."""
    counts = {name: getattr(kinds, name) for name in _COUNTED}
    counts["collected"] = np.where(kinds.mults, kinds.vector_ops, 0)
    counts["ported_bits"] = sum([getattr(kinds, name) for name in _PORTED])
    return counts


def make_activity(schedule: Program, trace: Trace) -> Activity:
    """Return when the steps and transfers of a simulated program take place."""
    return Activity(
        start=np.array(trace.start, dtype=np.int64),
        end=np.array(trace.end, dtype=np.int64),
        # The program's is a part of what all steps were told apart in.
        kind=schedule.kind.copy(),
        counts=counts_of(schedule.kinds),
        grant={name: np.array(getattr(trace, name).grant, dtype=np.int64) for name in STREAMS},
        ready={name: np.array(getattr(trace, name).ready, dtype=np.int64) for name in STREAMS},
        bursts=dict(zip(STREAMS, schedule.stream_bursts, strict=True)),
    )


def layer_profile(activity: Activity, energy: Mapping[str, Causes], latency_ps: int) -> Profile:
    """Return the profile of a layer whose ``energy`` by component and cause is known."""
    moved = dict.fromkeys(activity.bursts, 0.0)
    driven: list[tuple[str, float]] = []
    constant = 0.0
    for component, causes in energy.items():
        if component in _CONSTANT:
            for value in causes.values():
                constant += value
            continue
        for cause, value in causes.items():
            if cause in moved:
                moved[cause] += value
            elif cause == "dma":
                moved[component.removesuffix("_sram")] += value
            elif value:
                driven.append((_DRIVERS[component, cause], value))
    begin, end, spent = [activity.start], [activity.end], [_of_steps(activity, driven)]
    for name, value in moved.items():
        begin.append(activity.grant[name])
        end.append(activity.ready[name])
        spent.append(_spread(value, activity.bursts[name], int(activity.bursts[name].sum())))
    begin.append(np.zeros(1, dtype=np.int64))
    end.append(np.full(1, latency_ps, dtype=np.int64))
    spent.append(np.full(1, constant))
    return _profile(np.concatenate(begin), np.concatenate(end), np.concatenate(spent))


def joined(profiles: Sequence[Profile]) -> Profile:
    """Return the profile of layers one behind the other."""
    times, energies = [np.zeros(1)], [np.zeros(1)]
    for profile in profiles:
        times.append(times[-1][-1] + profile.time)
        energies.append(energies[-1][-1] + profile.energy)
    return Profile(time=np.concatenate(times), energy=np.concatenate(energies))


def _of_steps(activity: Activity, driven: Sequence[tuple[str, float]]) -> Floats:
    """Return the energy of every step: its share of each that is ``driven``, by what that is measured by."""
    if not driven:
        return np.zeros(len(activity.kind))
    # By kind of step: there are few.
    counts = np.array([activity.counts[driver] for driver, _ in driven])
    totals = counts @ np.bincount(activity.kind, minlength=counts.shape[1])
    spent = np.array([[value] for _, value in driven]) * counts / np.maximum(totals, 1)[:, None]
    # Added up one by one, in their order.
    return np.asarray(np.cumsum(spent, axis=0)[-1][activity.kind], dtype=np.float64)


def _spread(value: float, counts: Ints, total: int) -> Floats:
    return value * counts / total if total else np.zeros(len(counts))


def _profile(begin: Ints, end: Ints, spent: Floats) -> Profile:
    lasting = end > begin
    if not lasting.all():
        begin, end, spent = begin[lasting], end[lasting], spent[lasting]
    rate = spent / (end - begin)
    points = np.concatenate((begin, end))
    # Stable, so that what happens at the same time is added up in the order of the steps.
    order = points.argsort(kind="stable")
    points = points[order]
    is_new = np.concatenate(([True], points[1:] != points[:-1]))
    time = points[is_new]
    slope = np.bincount(is_new.cumsum() - 1, weights=np.concatenate((rate, -rate))[order]).cumsum()
    energy = np.concatenate(([0.0], (slope[:-1] * (time[1:] - time[:-1])).cumsum()))
    return Profile(time=time.astype(np.float64), energy=energy)
