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
from a file, ``request`` is what a run is asked for, ``pipeline`` strings all of it
together, ``execution`` runs real tensors, ``mapped`` shows mappings, ``dse`` (after ``explore``) searches.
``errors``, ``arguments``, ``caches``, ``native`` (compiled kernels), ``remembered`` (mappings on disk)
and ``algebra`` (Winograd transforms) lie below all stages.

The names below are the public interface; ``docs/python.md`` shows them at work.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "Accelerator",
    "Case",
    "Comparison",
    "ExecutionResult",
    "Explanation",
    "InputError",
    "Mappings",
    "OutputError",
    "Result",
    "Workload",
    "__version__",
    "compare",
    "default_cases",
    "dse",
    "execute",
    "explain",
    "load_arch",
    "load_result",
    "load_workload",
    "map_workload",
    "simulate",
]

if TYPE_CHECKING:
    from lw3dsim import dse
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.accelerator_file import load_arch
    from lw3dsim.describe.workload import Workload
    from lw3dsim.describe.workload_file import load_workload
    from lw3dsim.errors import InputError, OutputError
    from lw3dsim.execution import ExecutionResult, execute
    from lw3dsim.explore.compare import Case, Comparison, compare, default_cases
    from lw3dsim.explore.explain import Explanation, explain
    from lw3dsim.mapped import Mappings, map_workload
    from lw3dsim.pipeline import simulate
    from lw3dsim.report.files import load_result
    from lw3dsim.report.result import Result

_HOME = {
    "Accelerator": "describe.accelerator",
    "Case": "explore.compare",
    "Comparison": "explore.compare",
    "ExecutionResult": "execution",
    "Explanation": "explore.explain",
    "InputError": "errors",
    "Mappings": "mapped",
    "OutputError": "errors",
    "Result": "report.result",
    "Workload": "describe.workload",
    "compare": "explore.compare",
    "default_cases": "explore.compare",
    "execute": "execution",
    "explain": "explore.explain",
    "load_arch": "describe.accelerator_file",
    "load_result": "report.files",
    "load_workload": "describe.workload_file",
    "map_workload": "mapped",
    "simulate": "pipeline",
}


def __getattr__(name: str) -> object:
    """Import the public names on first use, so that ``import lw3dsim`` stays instant."""
    if name == "dse":
        return import_module("lw3dsim.dse")
    if name not in _HOME:
        raise AttributeError(f"module 'lw3dsim' has no attribute {name!r}")
    return getattr(import_module(f"lw3dsim.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names, and those that every module has."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
