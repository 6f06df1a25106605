"""Do the built-in passes, presets, engines and files keep the contracts that plug-ins owe?"""

from __future__ import annotations

from typing import ClassVar

from lw3dsim.describe.catalog import shipped_names
from lw3dsim.describe.dram_standards import DRAM_STANDARDS
from lw3dsim.testing import (
    AcceleratorContract,
    DramPresetContract,
    EngineContract,
    PassContract,
    SpaceContract,
    WorkloadContract,
)
from lw3dsim.testing.networks import dense_network, two_pathways
from lw3dsim.transform import (
    DepthwisePointwise,
    Fast3d,
    FastDepth,
    FastTrg,
    Fsb,
    FsbC3d,
    MergeBottlenecks,
    SlowDepth,
    SlowFsb,
    Trg,
)


class TestRewrites(PassContract):
    passes = (
        Fsb(),
        Fsb(alpha=0.5, path="a"),
        Fsb(middle=(8, 16), path="slow"),
        Fsb(middle=(4,)),
        Trg(),
        Trg(layers=1, path="fast", density=0.25),
        DepthwisePointwise(),
        DepthwisePointwise(path="fast"),
        MergeBottlenecks(),
        MergeBottlenecks(path="slow"),
    )


class TestFsbOfC3d(PassContract):
    passes = (FsbC3d(),)
    networks = (dense_network(),)


class TestVariantsOfSlowFast(PassContract):
    passes = (SlowDepth(), SlowFsb(), FastTrg(), FastDepth(), Fast3d())
    networks = (two_pathways(),)


class TestPresets(DramPresetContract):
    presets = tuple(DRAM_STANDARDS)


class TestEngines(EngineContract):
    engines = ("auto", "fast")


class TestWorkloads(WorkloadContract):
    workloads = tuple(shipped_names("workloads"))
    sizes: ClassVar = {
        "c3d": "16x32x32",
        "c3d_paper": "16x32x32",
        "slowfast_r50_4x16": "32x32x32",
        "slowfast_r50_8x8": "32x32x32",
    }


class TestAccelerators(AcceleratorContract):
    accelerators = tuple(shipped_names("arch_configs"))


class TestSpaces(SpaceContract):
    spaces = tuple(shipped_names("experiments"))
