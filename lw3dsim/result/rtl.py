"""Records of a core that was held against the simulator."""

from __future__ import annotations

from typing import Annotated

from lw3dsim.base.records import Count, Record, figure


class CheckedLayer(Record, frozen=True, kw_only=True):
    """What a core did of a layer, and in what it differs from the simulator: nothing, if it is ``equal``."""

    name: Annotated[str, figure("name of the layer")]
    algorithm: Annotated[str, figure("algorithm that it ran")]
    steps: Annotated[Count, figure("steps, whose first products, ends and drains are compared")]
    drained_cycles: Annotated[Count, figure("cycles until the last step has drained, of the simulator")]
    core_cycles: Annotated[Count, figure("the same of the core in Verilog")]
    port_words: Annotated[Count, figure("words that passed the three ports of the core")]
    products: Annotated[Count, figure("products that the core made")]
    outputs: Annotated[Count, figure("outputs, each compared in full width and as it is stored")]
    equal: Annotated[bool, figure("whether everything is equal")]
    differences: Annotated[tuple[str, ...], figure("what differs, the core's value first")]


class CheckResult(Record, frozen=True, kw_only=True):
    """A core of an accelerator beside the simulator, layer by layer."""

    workload: str
    arch: str
    seed: int
    equal: Annotated[bool, figure("whether every layer that ran is equal in everything")]
    layers: tuple[CheckedLayer, ...]
    refused: Annotated[tuple[str, ...], figure("layers that were not asked for by name and that no core does, and why")]
