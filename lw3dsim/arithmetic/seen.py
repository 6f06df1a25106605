"""What calibration saw of layers under their algorithms: the shifts that follow, and a file of it for simulations."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from msgspec.structs import asdict

from lw3dsim.arithmetic.noise import Power, estimated_db, sqnr_db
from lw3dsim.arithmetic.number import integers
from lw3dsim.arithmetic.operands import observed, worst_case
from lw3dsim.errors import InputError, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.arithmetic.arrays import Arrays
    from lw3dsim.arithmetic.number import Number, Tensor
    from lw3dsim.arithmetic.operands import Shifts
    from lw3dsim.describe.accelerator import Precision
    from lw3dsim.machine.problem import Problem

# The width of the codes that were seen, in the file.
BITS = "activation_bits"

# Between the names of layer, algorithm and part.
APART = "|"


class Seen(NamedTuple):
    """What is seen of a layer under an algorithm: the largest coordinates of data and weights, and powers."""

    data: Tensor
    weight: Tensor
    power: Power


class Calibrated(NamedTuple):
    """What was ``seen``, by layer and label of its algorithm, of codes of so many ``bits``."""

    bits: int
    seen: Mapping[tuple[str, str], Seen]

    def arrays(self) -> dict[str, Tensor]:
        """Return it as arrays by name."""
        found = {BITS: np.array(self.bits)}
        for (layer, label), one in self.seen.items():
            parts = {"peaks_data": one.data, "peaks_weight": one.weight, **asdict(one.power)}
            found |= {APART.join((layer, label, name)): np.asarray(part) for name, part in parts.items()}
        return found

    def estimated_db(self, layer: str, problem: Problem, precision: Precision) -> float | None:
        """Return the SQNR of a layer, None where it is exact. Raises InputError where a narrow one was not seen."""
        number = integers(problem.activation_bits)
        if problem.may_overflow or not is_narrowed(problem, number):
            return sqnr_db(problem)
        label = problem.algorithm.label
        if problem.activation_bits != self.bits:
            raise InputError(
                f"calibration: is of codes of {self.bits} bits, {layer} has {problem.activation_bits}; score it so"
            )
        if (layer, label) not in self.seen:
            raise InputError(
                f"calibration: has nothing on {layer} as {label}; save it where the network is scored with this "
                "algorithm and tile, or leave it out"
            )
        seen = self.seen[layer, label]
        return estimated_db(problem, shifts_of(problem, number, precision, seen), seen.power)


def calibrated_of(arrays: Arrays) -> Calibrated:
    """Return what :meth:`Calibrated.arrays` made arrays of. Raises InputError for other ones."""
    parts: dict[tuple[str, str], dict[str, Tensor]] = {}
    for name, array in arrays.items():
        if name != BITS:
            layer, _, rest = name.partition(APART)
            label, _, part = rest.rpartition(APART)
            parts.setdefault((layer, label), {})[part] = array
    try:
        seen = {
            key: Seen(
                own.pop("peaks_data"),
                own.pop("peaks_weight"),
                Power(**{**own, "signal": float(own["signal"])}),  # type: ignore[arg-type]  # by its own names
            )
            for key, own in parts.items()
        }
        return Calibrated(int(arrays[BITS]), seen)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"calibration: is none that `lw3dsim score --save-calibration` wrote ({one_line(str(error))})"
        ) from None


def shifts_of(problem: Problem, number: Number, precision: Precision, seen: Seen) -> Shifts:
    """Return the shifts of Winograd coordinates that a design declares, of operands like those that were seen."""
    shifts = worst_case(problem, number)
    if precision.shifts == "calibrated":
        shifts = observed(problem, seen.data, seen.weight)
    return shifts if precision.shifts_per == "tap" else shifts.as_one()


def is_narrowed(problem: Problem, number: Number) -> bool:
    """Return whether the multipliers are narrower than the worst case of transformed operands."""
    if not problem.algorithm.is_winograd:
        return False
    worst = worst_case(problem, number)
    return bool(worst.data.any() or worst.weight.any())
