"""Records of an execution: whether the arithmetic of each layer equals a direct computation, and how far it is off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from lw3dsim.base.records import Count, Record, figure

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ExecutedLayer(Record, frozen=True, kw_only=True):
    """An executed layer or fused group; widths only of Winograd layers of integers by themselves."""

    name: Annotated[str, figure("name of the layer; of a fused group, of its layers")]
    kind: Annotated[str, figure("kind of the layer, or `fused`")]
    algorithm: Annotated[str, figure("algorithm that it ran, with its tile; `none` where nothing is multiplied")]
    note: Annotated[str, figure("what becomes of sums that need more bits than are declared")]
    exact: Annotated[bool, figure("whether every value equals the direct computation")]
    max_abs_error: Annotated[float, figure("the largest difference from it")]
    sqnr_db: Annotated[float | None, figure("signal over the differences; none where there are none")]
    weights: Annotated[str, figure("`file`, `given` or `random`: where weights are from, if not all are drawn")] = ""
    data_bits: Annotated[Count, figure("width of transformed inputs in the worst case")] = 0
    weight_bits: Annotated[Count, figure("width of transformed weights in the worst case")] = 0
    sum_bits: Annotated[Count, figure("width of an accumulator")] = 0
    observed_data_bits: Annotated[Count, figure("width that the inputs took")] = 0
    observed_weight_bits: Annotated[Count, figure("width that the weights took")] = 0
    observed_sum_bits: Annotated[Count, figure("width that the sums took")] = 0


class ExecutionRecord(Record, frozen=True, kw_only=True):
    """What the executed arithmetic gave, per layer and over all."""

    workload: str
    arch: str
    dtype: Annotated[str, figure("int and bits, of activations x weights where they differ; float32 or float64")]
    seed: int
    transforms: tuple[str, ...]
    algorithm: str
    accumulator_bits: Annotated[int, figure("declared width of sums")]
    overflow: Annotated[str, figure("what becomes of sums that need more")]
    exact: Annotated[bool, figure("whether every layer equals its direct reference")]
    layers: tuple[ExecutedLayer, ...]


class Outputs(dict[str, "NDArray[Any]"]):
    """Tensors by name; equal where all of their values are."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Outputs) or self.keys() != other.keys():
            return False
        return all(self[name].tobytes() == other[name].tobytes() for name in self)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # as of a dict


class ExecutionResult(ExecutionRecord, frozen=True, kw_only=True):
    """A record of an execution, and ``outputs``: by name, the tensors (C, T, H, W) that no layer reads.

    Integers are as the next layer would read them, shifted to the width of operands. Arrays are not written to JSON.
    """

    outputs: Outputs = msgspec.field(default_factory=Outputs)

    @classmethod
    def order(cls) -> tuple[str, ...]:
        """Return what is written."""
        return ExecutionRecord.order()
