"""lw3dsim: what 3D-convolution video networks cost on an edge accelerator.

The package is one way through, a folder per stage::

    describe -> transform -> map -> schedule -> simulate -> account -> report -> explore

Each stage is a function from frozen values to a new frozen value, and imports
run only leftwards (the simulate stage lives in ``engine``, with the bank models of
``dram`` before it and the tensors of ``arithmetic`` after it; ``technology``, the cost
tables, stands after ``describe``).

The modules beside the folders use several stages. From the lowest up: ``layers`` maps
and simulates a layer, ``objective`` says what a mapping is chosen for, ``fusion`` finds
groups of layers, ``layouts`` settles how tensors lie in DRAM, ``fixed`` takes mappings
from a file, ``pipeline`` strings all of it together, ``execution`` runs real tensors.
``errors``, ``caches``, ``native`` (compiled kernels), ``remembered`` (mappings on disk)
and ``algebra`` (Winograd transforms) lie below all stages.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = ["Result", "__version__", "compare", "execute", "load_arch", "load_workload", "simulate"]

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator_file import load_arch
    from lw3dsim.describe.workload_file import load_workload
    from lw3dsim.execution import execute
    from lw3dsim.explore.compare import compare
    from lw3dsim.pipeline import simulate
    from lw3dsim.report.result import Result

_HOME = {
    "Result": "lw3dsim.report.result",
    "compare": "lw3dsim.explore.compare",
    "execute": "lw3dsim.execution",
    "load_arch": "lw3dsim.describe.accelerator_file",
    "load_workload": "lw3dsim.describe.workload_file",
    "simulate": "lw3dsim.pipeline",
}


def __getattr__(name: str) -> object:
    """Import the public names on first use, so that ``import lw3dsim`` stays instant."""
    if name not in _HOME:
        raise AttributeError(f"module 'lw3dsim' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
