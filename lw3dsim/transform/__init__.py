"""Transform: rewriting passes on a workload (FSB, TRG, the paper's variants) and the algorithm of each layer.

The names below are public: the passes, and what a pass of one's own is made of; ``docs/develop/plugins.md`` shows how.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lw3dsim.transform.fsb import DepthwisePointwise, Fsb, MergeBottlenecks
    from lw3dsim.transform.passes import apply_transforms, read_pass
    from lw3dsim.transform.passing import Composite, Pass, Rewrite
    from lw3dsim.transform.rewrite import replace_layers
    from lw3dsim.transform.trg import Trg
    from lw3dsim.transform.variants import Fast3d, FastDepth, FastTrg, FsbC3d, SlowDepth, SlowFsb

_HOME = {
    "Composite": "passing",
    "DepthwisePointwise": "fsb",
    "Fast3d": "variants",
    "FastDepth": "variants",
    "FastTrg": "variants",
    "Fsb": "fsb",
    "FsbC3d": "variants",
    "MergeBottlenecks": "fsb",
    "Pass": "passing",
    "Rewrite": "passing",
    "SlowDepth": "variants",
    "SlowFsb": "variants",
    "Trg": "trg",
    "apply_transforms": "passes",
    "read_pass": "passes",
    "replace_layers": "rewrite",
}

__all__ = [
    "Composite",
    "DepthwisePointwise",
    "Fast3d",
    "FastDepth",
    "FastTrg",
    "Fsb",
    "FsbC3d",
    "MergeBottlenecks",
    "Pass",
    "Rewrite",
    "SlowDepth",
    "SlowFsb",
    "Trg",
    "apply_transforms",
    "read_pass",
    "replace_layers",
]


def __getattr__(name: str) -> object:
    """Import a public name on first use: the algorithms of layers need no pass."""
    if name not in _HOME:
        raise AttributeError(f"module 'lw3dsim.transform' has no attribute {name!r}")
    return getattr(import_module(f"lw3dsim.transform.{_HOME[name]}"), name)
