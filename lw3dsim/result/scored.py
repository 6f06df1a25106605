"""Records of a scoring: what integers of a chip make of a network's answers on labelled clips."""

from __future__ import annotations

from typing import Annotated

from lw3dsim.base.records import Count, Record, figure

Share = Annotated[float, figure("share of clips, from 0 to 1")]


class ScoredLayer(Record, frozen=True, kw_only=True):
    """A layer with weights; widths, shifts and SQNR of those in Winograd coordinates that lose bits."""

    name: str
    algorithm: Annotated[str, figure("algorithm that it ran, with its tile")]
    data_bits: Annotated[Count, figure("width of the multiplier's operand for data")]
    weight_bits: Annotated[Count, figure("width of the multiplier's operand for weights")]
    data_shift: Annotated[Count, figure("most bits that are dropped of transformed data")]
    weight_shift: Annotated[Count, figure("most bits that are dropped of transformed weights")]
    sqnr_db: Annotated[float | None, figure("signal over what dropped bits add to its sums; none where they are exact")]
    estimated_db: Annotated[float | None, figure("the same, estimated from the calibration; none where no bit is lost")]


class ScoreRecord(Record, frozen=True, kw_only=True):
    """How a network in integers answers, beside itself in floating point."""

    workload: str
    arch: str
    transforms: tuple[str, ...]
    algorithm: str
    dtype: Annotated[str, figure("int and bits: width of activations and weights")]
    shifts: Annotated[str, figure("worst_case or calibrated")]
    per: Annotated[str, figure("tap or tensor: what has a shift of its own")]
    data: str
    calibration_clips: int
    clips: Annotated[int, figure("clips that are scored; none of them calibrates")]
    float_top1: Share
    top1: Share
    agreement: Annotated[float, figure("share of clips on which integers answer as floating point does")]
    sqnr_db: Annotated[float | None, figure("signal of the answers over their difference from floating point")]
    layers: tuple[ScoredLayer, ...]
