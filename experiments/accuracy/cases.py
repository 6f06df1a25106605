"""What is trained: the paper's variants of two small networks, and TRG apart, each as a case with a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from lw3dsim.describe.products import Conv3d
from lw3dsim.importing.load import load_workload

if TYPE_CHECKING:
    from lw3dsim.describe.workload import Workload


class Case(NamedTuple):
    """A network that is trained; ``table`` is that of the paper, or ``trg``. Without norms it has biases instead."""

    table: str
    name: str
    workload: str
    transform: str | None = None
    has_norms: bool = True

    def network(self, size: tuple[int, int, int]) -> Workload:
        """Return the network, before its passes, on clips of a ``size``."""
        network = load_workload(self.workload, input_size=size)
        return network if self.has_norms else without_norms(network)


def without_norms(network: Workload) -> Workload:
    """Return ``network`` with biases in place of batch norms, as the paper has its C3D."""
    layers = tuple(
        msgspec.structs.replace(layer, batch_norm=False, bias=True) if isinstance(layer, Conv3d) else layer
        for layer in network.layers
    )
    return msgspec.structs.replace(network, layers=layers)


CASES = (
    Case("table2", "SlowFast", "slowfast_small"),
    Case("table2", "FastTRG", "slowfast_small", "fasttrg"),
    Case("table3", "C3D, norms", "c3d_small"),
    Case("table3", "FSB-C3D, norms", "c3d_small", "fsb_c3d"),
    Case("table2", "SlowFSB", "slowfast_small", "slowfsb"),
    Case("trg", "TRG of two layers, norms", "c3d_small", "trg:layers=2"),
    Case("trg", "TRG of the input, norms", "c3d_small", "trg:layers=1"),
    Case("table2", "SlowDepth", "slowfast_small", "slowdepth"),
    Case("table2", "FastDepth", "slowfast_small", "fastdepth"),
    Case("table2", "Fast3D", "slowfast_small", "fast3d"),
    Case("table3", "C3D", "c3d_small", has_norms=False),
    Case("table3", "FSB-C3D", "c3d_small", "fsb_c3d", has_norms=False),
    Case("trg", "TRG of two layers", "c3d_small", "trg:layers=2", has_norms=False),
    Case("trg", "TRG of the input", "c3d_small", "trg:layers=1", has_norms=False),
)
