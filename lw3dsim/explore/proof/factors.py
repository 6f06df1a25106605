"""What parts of a chip cost at best in a box of designs: figures that a few parameters decide, each by itself.

Memories have a table of all combinations of their own parameters, of which a box has some: of each figure the least
counts, whichever combination it is of. Logic takes least area and leakage where each of its numbers is the least, and
works fastest where each is the most.
"""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from lw3dsim.account.area import area_mm2, logic_leakage_mw
from lw3dsim.base.values import replace
from lw3dsim.describe.buffers import STREAM_BUFFERS
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.dram.power import DramCounts, dram_energy
from lw3dsim.errors import InputError
from lw3dsim.machine.microarchitecture import make_machine
from lw3dsim.technology.sram import buffers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.explore.proof.boxes import Masks
    from lw3dsim.machine.microarchitecture import PortRate
    from lw3dsim.machine.problem import Problem

    Figures = NDArray[np.float64]
    # The accelerator with these places of the values of some parameters, by number, others as they are.
    Changed = Callable[[dict[int, int]], Accelerator]
    Read = Callable[[Accelerator], tuple[float, ...]]


class Memory(NamedTuple):
    """A buffer: pJ per byte read and written, leakage, area, the time in which a bit passes its port, its capacity."""

    read_pj: Figures
    write_pj: Figures
    leakage_mw: Figures
    area_mm2: Figures
    ps_per_bit: Figures
    kib: Figures


class Bus(NamedTuple):
    """The memory outside: the time that a byte takes, pJ per byte read and written, power with no bank open."""

    ps_per_byte: Figures
    read_pj: Figures
    write_pj: Figures
    idle_mw: Figures


def memory_figures(arch: Accelerator, name: str, problem: Problem) -> tuple[float, ...]:
    """Return the figures of a buffer as :class:`Memory` lists them; ``problem`` is any that runs direct."""
    macro = buffers(arch)[name]
    rate: PortRate = getattr(make_machine(problem, arch, "pixel"), f"{name}_port")
    ps_per_bit = rate.per_cycles * arch.cycle_ps / rate.bits
    kib = arch.buffers.kib[name] if arch.buffers.shared_kib is None else arch.buffers.total_kib / len(STREAM_BUFFERS)
    return macro.read_pj_per_byte, macro.write_pj_per_byte, macro.leakage_mw, macro.area_mm2, ps_per_bit, float(kib)


def bus_figures(arch: Accelerator) -> tuple[float, ...]:
    """Return the figures of the memory outside as :class:`Bus` lists them; every row of bytes is opened once."""
    clocks = make_clocks(arch)
    dram, size = clocks.dram, clocks.burst_bytes
    nothing = DramCounts(
        reads=0, writes=0, activates=0, precharges=0, refreshes=0, active_clocks=0, idle_clocks=dram.channels
    )
    idle = dram_energy(dram.standard, nothing).background
    activate = dram_energy(dram.standard, replace(nothing, activates=1, idle_clocks=0)).activate
    moved = dram_energy(dram.standard, replace(nothing, reads=1, writes=1, idle_clocks=0))
    read_io, write_io = (pj * 8 for pj in (dram.standard.io_read_pj_per_bit, dram.standard.io_write_pj_per_bit))
    row = activate / (dram.page_bursts * size)
    ps_per_byte = clocks.least_burst_ticks / dram.channels / clocks.ticks_per_ps / size
    return (
        ps_per_byte,
        moved.read / size + read_io + row,
        moved.write / size + write_io + row,
        idle / dram.standard.clock_ns,
    )


class Table:
    """Figures of all combinations of the values of some parameters, given by their numbers."""

    def __init__(self, numbers: Sequence[int], sizes: Sequence[int], changed: Changed, figures: Read) -> None:
        self._numbers = tuple(numbers)
        places = list(product(*(range(size) for size in sizes)))
        rows = [_figures_or_none(changed, dict(zip(numbers, place, strict=True)), figures) for place in places]
        width = len(next(row for row in rows if row is not None))
        self._places = np.array(places, dtype=np.uint64).reshape(len(places), len(self._numbers))
        self._figures = np.array([(math.inf,) * width if row is None else row for row in rows])

    def least(self, masks: Masks) -> list[Figures]:
        """Return the least of each figure in every box; infinite where no combination of a box can be."""
        inside = np.ones((len(masks), len(self._places)), dtype=bool)
        for column, number in enumerate(self._numbers):
            inside &= (masks[:, number, None] >> self._places[None, :, column] & np.uint64(1)).astype(bool)
        return [np.where(inside, figure, math.inf).min(axis=1) for figure in self._figures.T]


def _figures_or_none(changed: Changed, places: dict[int, int], figures: Read) -> tuple[float, ...] | None:
    try:
        return figures(changed(places))
    except InputError:
        return None


# Places of the values of some parameters, by number.
Places = tuple[tuple[int, int], ...]
NOTHING: Places = ()

# The numbers that the logic of a chip has so many of; more of any takes more area and leaks more.
LOGIC = ("pe.rows", "pe.cols", "pe.mults_per_pe", "pe.acc_depth", "vector_lanes", "buffers.ofmap_port_bytes")


class Array(NamedTuple):
    """The array at its most in each box: its numbers, the least period of its clock."""

    rows: Figures
    cols: Figures
    mults: Figures
    depth: Figures
    vector_lanes: Figures
    ofmap_port_bytes: Figures
    cycle_ps: Figures


class Numbers:
    """The values of a number of the chip: those of a parameter, or the one that the accelerator has."""

    def __init__(self, number: int | None, values: Sequence[float]) -> None:
        self._number, self._values = number, np.array(values, dtype=np.float64)
        self._bits = np.arange(len(values), dtype=np.uint64)

    def most(self, masks: Masks) -> Figures:
        """Return the largest value in every box."""
        return np.asarray(self._masked(masks, -math.inf).max(axis=1))

    def least(self, masks: Masks) -> Figures:
        """Return the smallest value in every box."""
        return np.asarray(self._masked(masks, math.inf).min(axis=1))

    def least_places(self, masks: Masks) -> NDArray[np.int64]:
        """Return the place of the smallest value in every box."""
        return np.asarray(self._masked(masks, math.inf).argmin(axis=1), dtype=np.int64)

    def _masked(self, masks: Masks, otherwise: float) -> Figures:
        if self._number is None:
            return np.broadcast_to(self._values, (len(masks), 1))
        inside = (masks[:, self._number, None] >> self._bits[None, :] & np.uint64(1)).astype(bool)
        return np.where(inside, self._values, otherwise)


class Logic:
    """The logic of a chip in boxes: its ``numbers``, as LOGIC lists them, and what it costs with the least of each."""

    def __init__(self, parameters: Sequence[int | None], numbers: Sequence[Numbers], changed: Changed) -> None:
        self._parameters, self._numbers, self._changed = parameters, numbers, changed
        self._known: dict[tuple[Places, Problem | None], dict[tuple[int, ...], tuple[float, float]]] = {}

    def most(self, masks: Masks) -> list[Figures]:
        """Return each number at its most."""
        return [one.most(masks) for one in self._numbers]

    def corners(self, masks: Masks) -> tuple[list[tuple[int, ...]], NDArray[np.int64]]:
        """Return the places of the least values of all numbers, each combination once, and that of every box."""
        places = np.stack([one.least_places(masks) for one in self._numbers], axis=1)
        distinct, which = np.unique(places, axis=0, return_inverse=True)
        return [tuple(corner) for corner in distinct.tolist()], which.ravel()

    def figures(self, corners: Sequence[tuple[int, ...]], others: Places, problem: Problem | None) -> Figures:
        """Return area (mm2) and leakage (mW) of all logic, for ``problem`` or with no unit for any transform.

        ``others`` are places of the values of parameters that are no numbers of the logic.
        """
        known = self._known.setdefault((others, problem), {})
        for corner in corners:
            if corner not in known:
                known[corner] = self._worked_out(corner, others, [] if problem is None else [problem])
        return np.array([known[corner] for corner in corners])

    def _worked_out(self, corner: tuple[int, ...], others: Places, problems: list[Problem]) -> tuple[float, float]:
        places = {p: place for p, place in zip(self._parameters, corner, strict=True) if p is not None}
        arch = self._changed({**dict(others), **places})
        # Another port, which is no number of the logic, makes staging; a slower clock may allow smaller accumulators.
        smallest = msgspec.structs.replace(arch.pe, accumulator_storage="auto")
        arch = msgspec.structs.replace(arch, pe=smallest, clock_mhz=1.0)
        return (
            math.fsum(
                mm2
                for name, mm2 in area_mm2(arch, problems).items()
                if not name.endswith("_sram") and name != "staging"
            ),
            # Deeper accumulators may be SRAMs, which leak less.
            logic_leakage_mw(arch, problems, without=("accumulators", "staging")),
        )
