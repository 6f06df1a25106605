"""The temporal residual gradient (paper 3.2) in front of the earliest temporal convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lw3dsim.describe.workload import AnyLayer, Conv3d, Trg
from lw3dsim.transform.rewrite import replace_layers

if TYPE_CHECKING:
    from lw3dsim.describe.workload import Workload


def trg(workload: Workload, *, layers: int = 2, path: str = "", density: float = 1.0) -> Workload:
    """Put a TRG in front of the first ``layers`` convolutions with a temporal kernel (K > 1).

    ``path`` limits the pass to layers whose name begins with it. Only the
    convolution reads the gradient; a shortcut around it keeps the original tensor.
    ``density`` is the share of nonzero differences.
    """
    chains: dict[str, list[AnyLayer]] = {}
    for layer in workload.layers:
        if len(chains) == layers:
            break
        if isinstance(layer, Conv3d) and layer.kernel[0] > 1 and layer.name.startswith(path):
            gradient = Trg(name=f"{layer.name}.trg", inputs=layer.inputs, density=density)
            chains[layer.name] = [gradient, msgspec.structs.replace(layer, inputs=(gradient.name,))]
    return replace_layers(workload, chains)
