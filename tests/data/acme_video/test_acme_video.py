"""Does what ACME adds keep what it owes?"""

from acme_video.passes import Narrow

from lw3dsim.testing import (
    AcceleratorContract,
    DataflowContract,
    DramPresetContract,
    EngineContract,
    PassContract,
    SpaceContract,
    WorkloadContract,
)


class TestNarrow(PassContract):
    passes = (Narrow(), Narrow(share=0.25))


class TestPreset(DramPresetContract):
    presets = ("acme-3200-x32",)


class TestDataflow(DataflowContract):
    dataflows = ("acme_crossed",)


class TestEngine(EngineContract):
    engines = ("acme",)


class TestNet(WorkloadContract):
    workloads = ("acme_net",)


class TestChip(AcceleratorContract):
    accelerators = ("acme_chip",)


class TestSpace(SpaceContract):
    spaces = ("acme_space",)
