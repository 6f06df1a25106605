"""Calibration: the steps of a network in integers, and the shifts of its Winograd coordinates, from some clips.

Steps of activations are those of the largest values on the clips, in floating point. Shifts are those that the largest
coordinates ask for, in a network of these steps that loses nothing else.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.arithmetic.direct import computation_of
from lw3dsim.arithmetic.moves import arranged
from lw3dsim.arithmetic.noise import Power, estimated_db
from lw3dsim.arithmetic.operands import make_operands, whole_width
from lw3dsim.arithmetic.seen import Calibrated, Seen, is_narrowed, shifts_of
from lw3dsim.arithmetic.whole import WholeLayer
from lw3dsim.describe.shape import Shape
from lw3dsim.errors import InputError
from lw3dsim.machine.microarchitecture import make_machine
from lw3dsim.network.quantised import Quantised, Stage, stage_of
from lw3dsim.schedule.work import LayerWork

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.account.simulated import Unit
    from lw3dsim.arithmetic.number import Number, Tensor
    from lw3dsim.arithmetic.operands import Shifts
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.network.quantised import Clip, Weighty
    from lw3dsim.transform.algorithms import Algorithm


class Observed:
    """What is seen of transformed operands by coordinate: the largest, mean squares, and mean products of sums."""

    def __init__(self) -> None:
        self.peaks: Tensor = np.zeros(())
        self._squares: Tensor = np.zeros(())
        self._products: Tensor = np.zeros(())
        self._values, self._sums = 0, 0

    def see(self, values: Tensor, channels: tuple[int, ...]) -> None:
        """Look at operands, their coordinates in the last three dimensions, that are summed up along ``channels``."""
        over = tuple(range(values.ndim - 3))
        self.peaks = np.maximum(self.peaks, np.abs(values).max(axis=over))
        self._squares = self._squares + np.square(values, dtype=np.float64).sum(axis=over)
        self._values += math.prod(values.shape[:-3])
        sums = values.sum(axis=channels, dtype=np.float64).reshape(-1, math.prod(values.shape[-3:]))
        self._products = self._products + sums.T @ sums
        self._sums += len(sums)

    @property
    def squares(self) -> Tensor:
        """The mean squares."""
        return self._squares / self._values

    @property
    def products(self) -> Tensor:
        """The mean products of the sums of two coordinates."""
        return self._products / self._sums


class Outputs:
    """What calibration saw of the sums that a layer made."""

    def __init__(self) -> None:
        self._squares, self._count = 0.0, 0

    def see(self, values: Tensor) -> None:
        """Look at what the layer made."""
        self._squares += float(np.square(values, dtype=np.float64).sum())
        self._count += values.size

    @property
    def power(self) -> float:
        """The mean square."""
        return self._squares / self._count


class Calibration:
    """A network in integers of ``number``, set by ``clips``: on any design, and as often as one likes."""

    def __init__(self, float_network: Weighty, number: Number, clips: Sequence[Clip]) -> None:
        self.number, self._clips = number, clips
        peaks: dict[str, float] = {}
        for clip in clips:
            for name, values in float_network.tensors(clip).items():
                peaks[name] = max(peaks.get(name, 0.0), float(np.abs(values).max(initial=0)))
        steps = {name: peak / number.largest or 1.0 for name, peak in peaks.items()}
        stages: list[Stage] = []
        for layer in float_network.order:
            stages.append(stage_of(layer, float_network.weights.get(layer.name), steps, number))
            steps[layer.name] = stages[-1].step
        self._network = Quantised(stages, {name: steps[name] for name in clips[0]}, number)
        self._seen: dict[tuple[str, Algorithm], Seen] = {}

    @property
    def whole(self) -> Quantised:
        """The network in integers that loses nothing in its multipliers."""
        return self._network

    @property
    def seen(self) -> Calibrated:
        """What was seen of the layers that were narrowed so far."""
        return Calibrated(
            self.number.bits, {(name, algorithm.label): one for (name, algorithm), one in self._seen.items()}
        )

    def quantised(self, units: Sequence[Unit], design: Accelerator, *, is_alike: bool = False) -> Quantised:
        """Return the network in integers, its layers as ``units`` have them mapped on ``design``.

        Where narrowed sums take several parts of the channels, each is rounded; so that more designs are alike
        (``is_alike``), all channels may be rounded together.
        """
        works = {unit.layers[0].name: unit.run.work for unit in units}
        stages, narrowed = [], list[tuple[Stage, LayerWork]]()
        for stage in self._network.stages:
            one, work = replace(stage), works.get(stage.layer.name)
            stages.append(one)
            if not isinstance(work, LayerWork) or not work.problem.has_weights:
                continue
            if one.weights is None and work.problem.may_overflow:
                raise InputError(
                    f"{stage.layer.name}: its products of two computed tensors may overflow; networks are scored where "
                    "they cannot: raise precision.accumulator_bits"
                )
            one.problem = work.problem
            if is_narrowed(work.problem, self.number):
                narrowed.append((one, work))
            elif work.problem.may_overflow:
                one.whole = self._whole(one, work, design, None)
        if narrowed:
            self._narrow(narrowed, design, is_alike=is_alike)
        return Quantised(stages, self._network.input_steps, self.number)

    def _narrow(self, layers: Sequence[tuple[Stage, LayerWork]], design: Accelerator, *, is_alike: bool) -> None:
        """Give ``layers`` the shifts that their multipliers ask for, and what they cost."""
        self._look([(stage, self._whole(stage, work, design, None, is_alike=True)) for stage, work in layers])
        precision = design.precision
        for stage, work in layers:
            seen = self._seen[stage.layer.name, work.problem.algorithm]
            stage.shifts = shifts_of(work.problem, self.number, precision, seen)
            stage.whole = self._whole(stage, work, design, stage.shifts, is_alike=is_alike)
            stage.estimated_db = estimated_db(work.problem, stage.shifts, seen.power)

    def _look(self, layers: Sequence[tuple[Stage, WholeLayer]]) -> None:
        """See what ``layers``, which are in full width, make of the clips, unless it is known."""
        new = {
            stage.layer.name: (whole, Observed(), Outputs())
            for stage, whole in layers
            if (stage.layer.name, whole.run.problem.algorithm) not in self._seen
        }
        if not new:
            return

        def watch(stage: Stage, sources: Sequence[Tensor], made: Tensor) -> None:
            if stage.layer.name in new:
                whole, data, outputs = new[stage.layer.name]
                for values in whole.transformed_inputs(arranged(stage.layer, sources)):
                    data.see(values.reshape(whole.groups_at_once, -1, *values.shape[2:]), (1,))
                outputs.see(made)

        for clip in self._clips:
            self._network(clip, watch)
        for name, (whole, data, outputs) in new.items():
            weights = Observed()
            for values in whole.transformed_weights():
                weights.see(values, (1, 2))
            self._seen[name, whole.run.problem.algorithm] = Seen(
                data.peaks,
                weights.peaks,
                Power(
                    data=data.squares,
                    weight=weights.squares,
                    signal=outputs.power,
                    data_sums=data.products,
                    weight_sums=weights.products,
                ),
            )

    def _whole(
        self, stage: Stage, work: LayerWork, design: Accelerator, shifts: Shifts | None, *, is_alike: bool = False
    ) -> WholeLayer:
        """Return a layer as it is mapped; Winograd coordinates without loss, or with these ``shifts``."""
        problem, mapping, number = work.problem, work.mapping, self.number
        operands = None
        if problem.algorithm.is_winograd:
            operands = make_operands(problem, number, shifts or whole_width(problem, number))
        shape = Shape(problem.input_channels, *problem.inp)
        computation = replace(computation_of(stage.layer, shape, stage.weights, stage.bias), activation="none")
        machine = make_machine(problem, design, mapping.parallel)
        together = problem.c if is_alike and not problem.may_overflow else mapping.c
        return WholeLayer(problem, together, machine, number, computation, operands)


def arithmetic_of(units: Sequence[Unit], design: Accelerator, number: Number) -> tuple[object, ...]:
    """Return all that a network in integers depends on, designs being ``alike``, of how ``units`` have it mapped.

    What loses nothing is left out: whatever computes it, it is the same.
    """
    found: list[object] = []
    for unit in units:
        work = unit.run.work
        if not isinstance(work, LayerWork) or not work.problem.has_weights:
            continue
        problem, own = work.problem, list[object]()
        if is_narrowed(problem, number):
            own += [problem.data_bits, problem.weight_bits, design.precision.shifts, design.precision.shifts_per]
        if problem.may_overflow:
            # Sums are held, or their upper bits lost, in the order in which they are formed.
            chunk = make_machine(problem, design, work.mapping.parallel).chunk
            own += [work.mapping.c, chunk, problem.overflow, problem.register_bits, problem.accumulator_bits]
        if own:
            found.append((unit.name, problem.algorithm.label, *own))
    return (number.name, *found)
