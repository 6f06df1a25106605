"""What every layer of a workload is: a frozen value that knows its output shape, its work and its parameters."""

from __future__ import annotations

from typing import Literal

import msgspec

from lw3dsim.describe.shape import Bits, Density, Shape
from lw3dsim.errors import ShapeError

Function = Literal["relu", "relu6", "sigmoid", "hard_sigmoid", "tanh", "swish", "hard_swish", "gelu", "gelu_tanh"]


class Layer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every layer has: a name, the tensors that it reads, and the share of its outputs that are not zero.

    What it makes has ``activation_bits``, or as many as activations of the network have.
    """

    name: str
    inputs: tuple[str, ...]
    density: Density = 1.0
    activation_bits: Bits | None = None

    @property
    def kind(self) -> str:
        """The layer kind as written in a workload file."""
        return str(self.__struct_config__.tag)

    @property
    def streams(self) -> tuple[str, ...]:
        """The tensors that it works through position by position: all but those that serve it as weights."""
        return self.inputs

    @property
    def is_local(self) -> bool:
        """Whether outputs look at inputs around their own position, all channels alike: what can be fused."""
        return True

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """Return the output shape, by default that of the only input; raise ShapeError when the inputs do not fit."""
        return only(inputs, self.kind)

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002  # most kinds have none
        """Return the multiply-accumulates of the direct algorithm."""
        return 0

    def weights(self, inputs: tuple[Shape, ...]) -> int:  # noqa: ARG002  # most kinds have none
        """Return the number of kernel weights."""
        return 0

    def biases(self, inputs: tuple[Shape, ...]) -> int:  # noqa: ARG002  # most kinds have none
        """Return the number of biases that the hardware adds (batch norm folded)."""
        return 0

    def params(self, inputs: tuple[Shape, ...]) -> int:
        """Return the trained parameters: weights, biases, and scale and shift of a batch norm."""
        return self.weights(inputs) + self.biases(inputs)


def only(inputs: tuple[Shape, ...], kind: str) -> Shape:
    """Return the one input; raise ShapeError where there are several."""
    if len(inputs) != 1:
        raise ShapeError(f"{kind} reads one tensor, not {len(inputs)}")
    return inputs[0]
