"""A pass of ACME."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from lw3dsim.describe.workload import AnyLayer, Conv3d, Workload
from lw3dsim.transform import Rewrite

Share = Annotated[float, Meta(gt=0, le=1, description="share of the channels in between that stay", examples=[0.25])]


@dataclass(frozen=True)
class Narrow(Rewrite):
    """Fewer channels between two convolutions, where nothing else reads them."""

    name: ClassVar[str] = "narrow"
    share: Share = 0.5

    def chains(self, network: Workload) -> dict[str, list[AnyLayer]]:
        """Return, for every convolution that one other convolution alone reads, the same with fewer outputs."""
        chains: dict[str, list[AnyLayer]] = {}
        for layer in network.layers:
            readers = network.consumers(layer.name)
            if not isinstance(layer, Conv3d) or len(readers) != 1 or not isinstance(readers[0], Conv3d):
                continue
            if layer.groups == readers[0].groups == 1:
                channels = max(round(self.share * layer.out_channels), 1)
                chains[layer.name] = [msgspec.structs.replace(layer, out_channels=channels)]
        return chains
