"""Scoring: a trained network in the integers of a chip, on clips that neither trained nor calibrated it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lw3dsim.arithmetic.number import NUMBERS, OWN_WIDTHS
from lw3dsim.base.forms import CALIBRATION, CALIBRATION_MARK, replaceable
from lw3dsim.base.output import write_files
from lw3dsim.base.parameters import checked_values, declared_by, taking
from lw3dsim.base.values import replace
from lw3dsim.errors import ArgumentError
from lw3dsim.learn.checkpoints import archive
from lw3dsim.learn.examination import Examination
from lw3dsim.learn.options import Scoring
from lw3dsim.learn.source import opened
from lw3dsim.network.given import given_weights
from lw3dsim.network.pipeline import map_prepared, prepare
from lw3dsim.network.quantised import number_of, weighty
from lw3dsim.network.request import Design, Options, make_request
from lw3dsim.network.widths import with_width
from lw3dsim.result.scored import ScoredLayer, ScoreRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lw3dsim.arithmetic.seen import Calibrated
    from lw3dsim.network.pipeline import Prepared
    from lw3dsim.network.quantised import Quantised, Weighty


@taking(Scoring)
def score(asked: Scoring) -> ScoreRecord:
    """Score a trained network in the integers in which an accelerator computes it.

    Activations have one step per tensor, weights one per output channel; batch norms are folded. Layers run the
    algorithms that they are mapped to, in multipliers of the widths that the accelerator declares, with the shifts that
    it declares. Steps, and shifts if they are ``calibrated``, are those of clips that are not scored. Raises
    InputError.
    """
    checked = checked_values(asked)
    target = checked["save_calibration"]
    if target is not None:
        replaceable(target, CALIBRATION)
    classes, source_of = opened(checked)
    prepared = _prepared(asked, len(classes))
    source = source_of(prepared.written)
    examination = Examination(
        with_weights(prepared),
        source,
        number_of(prepared.design),
        clips=checked["clips"],
        calibration=checked["calibration"],
        workers=checked["workers"],
    )
    network = examination.calibration.quantised(map_prepared(prepared), prepared.design)
    if target is not None:
        save_calibration(target, examination.calibration.seen)
    answers = examination.answers(network, asked.progress)
    precision = prepared.design.precision
    return ScoreRecord(
        workload=prepared.network.name,
        arch=prepared.design.name,
        transforms=tuple(prepared.network.transforms),
        algorithm=prepared.request.algorithm,
        dtype=number_of(prepared.design).name,
        shifts=precision.shifts,
        per=precision.shifts_per,
        data=source.name,
        calibration_clips=examination.calibration_clips,
        float_top1=examination.float_top1,
        layers=tuple(_layers(network, examination.lost_db(network))),
        **answers._asdict(),
    )


def save_calibration(path: str, calibrated: Calibrated) -> None:
    """Write what a calibration saw. Raises OutputError."""
    write_files({Path(path): (CALIBRATION, archive(calibrated.arrays(), CALIBRATION_MARK))})


def _prepared(asked: Scoring, classes: int) -> Prepared:
    """Read the network and the accelerator. Raises InputError."""
    design = {each.name: getattr(asked, each.name) for each in declared_by(Design)}
    chosen = design | {"classes": classes, "weights": asked.weights, "dtype": asked.dtype}
    request = make_request(asked.workload, Options(**chosen))
    for name, plain in (("fusion", "off"), ("batch", 1)):
        if getattr(request, name) != plain:
            raise ArgumentError(name, getattr(request, name), f"a network is scored with {plain!r} alone; leave it out")
    prepared = prepare(request)
    if request.dtype == OWN_WIDTHS:
        return prepared
    return replace(prepared, design=with_width(prepared.design, NUMBERS[request.dtype]))


def with_weights(prepared: Prepared) -> Weighty:
    """Return a network with the weights that are asked for. Raises InputError where they are not all there."""
    weights = {name: given for name, read in given_weights(prepared).readers.items() if (given := read()) is not None}
    return weighty(prepared.network, weights)


def _layers(network: Quantised, lost_db: Mapping[str, float | None]) -> Iterator[ScoredLayer]:
    """Yield the layers that are multiplied."""
    for stage in network.stages:
        if stage.problem is not None:
            shifts, problem = stage.shifts, stage.problem
            yield ScoredLayer(
                name=stage.layer.name,
                algorithm=problem.algorithm.label,
                data_bits=problem.data_bits,
                weight_bits=problem.weight_bits,
                data_shift=0 if shifts is None else int(shifts.data.max()),
                weight_shift=0 if shifts is None else int(shifts.weight.max()),
                sqnr_db=lost_db.get(stage.layer.name),
                estimated_db=stage.estimated_db,
            )
