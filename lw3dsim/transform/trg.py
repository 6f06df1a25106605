"""The temporal residual gradient (paper 3.2) in front of the earliest temporal convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec
from msgspec import Meta

from lw3dsim.describe import workload
from lw3dsim.transform.fields import PathPrefix
from lw3dsim.transform.passing import Rewrite

if TYPE_CHECKING:
    from lw3dsim.describe.workload import AnyLayer, Workload

Layers = Annotated[int, Meta(ge=1, le=10_000, description="how many convolutions get one", examples=[3])]
Density = Annotated[float, Meta(ge=0, le=1, description="share of the differences that are not zero", examples=[0.4])]


@dataclass(frozen=True)
class Trg(Rewrite):
    """TRG before the first temporal convolutions (K > 1).

    Only the convolution reads the gradient; a shortcut around it keeps the original tensor.
    """

    name: ClassVar[str] = "trg"
    layers: Layers = 2
    path: PathPrefix = ""
    density: Density = 1.0

    def chains(self, network: Workload) -> dict[str, list[AnyLayer]]:
        """See Rewrite."""
        chains: dict[str, list[AnyLayer]] = {}
        for layer in network.layers:
            if len(chains) == self.layers:
                break
            if isinstance(layer, workload.Conv3d) and layer.kernel[0] > 1 and layer.name.startswith(self.path):
                gradient = workload.Trg(name=f"{layer.name}.trg", inputs=layer.inputs, density=self.density)
                chains[layer.name] = [gradient, msgspec.structs.replace(layer, inputs=(gradient.name,))]
        return chains
