"""Do the built-in passes keep the contract that every pass owes?"""

from __future__ import annotations

from lw3dsim.testing import PassContract
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
