"""lw3dsim: what 3D-convolution video networks cost on an edge accelerator.

The package is one way through, a room per stage::

    describe -> transform -> map -> schedule -> simulate -> account -> report -> explore

Each stage is a function from frozen values to a new frozen value. Rooms stand on each other, and imports run only
down; ``tests/house/test_structure.py`` holds the tower. From the ground up: ``errors``, ``arguments``, ``parts`` (files
under way), ``algebra`` (Winograd transforms) and ``base`` (arrays, kernels, caches, outputs); ``describe``;
``technology`` (cost tables), ``transform`` and ``tensor`` (layouts in DRAM, bursts); ``exporting`` (models of
PyTorch); ``machine`` (a layer as the array sees it, and what a step costs); ``map`` with ``map.layer`` and
``map.group``; ``schedule`` and ``dram``; ``engine`` and ``arithmetic`` (tensors); ``account``; ``result`` and
``report``; ``network``, which strings all of it together; ``comparison``; ``explore``; ``api``, the public verbs.
``mapped`` shows mappings, ``traced`` what happens when; ``dse`` searches, ``learn`` trains, ``possible`` checks
mappings.

The names below are the public interface; ``docs/python.md`` shows them at work.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from lw3dsim._version import __version__

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
    "from_torch",
    "load_arch",
    "load_result",
    "load_weights",
    "load_workload",
    "map_workload",
    "simulate",
    "to_onnx",
    "to_torch",
    "trace",
]

if TYPE_CHECKING:
    from lw3dsim import dse
    from lw3dsim.api import (
        Comparison,
        Explanation,
        Result,
        compare,
        execute,
        explain,
        load_result,
        map_workload,
        simulate,
        trace,
    )
    from lw3dsim.comparison.compare import Case, default_cases
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.accelerator_file import load_arch
    from lw3dsim.describe.workload import Workload
    from lw3dsim.errors import InputError, OutputError
    from lw3dsim.exporting.export import to_torch
    from lw3dsim.exporting.onnx_model import to_onnx
    from lw3dsim.importing.load import load_weights, load_workload
    from lw3dsim.importing.module import from_torch
    from lw3dsim.mapped import Mappings
    from lw3dsim.result.executed import ExecutionResult

_HOME = {
    "Accelerator": "describe.accelerator",
    "Case": "comparison.compare",
    "Comparison": "api",
    "ExecutionResult": "result.executed",
    "Explanation": "api",
    "InputError": "errors",
    "Mappings": "mapped",
    "OutputError": "errors",
    "Result": "api",
    "Workload": "describe.workload",
    "compare": "api",
    "default_cases": "comparison.compare",
    "execute": "api",
    "explain": "api",
    "from_torch": "importing.module",
    "load_arch": "describe.accelerator_file",
    "load_result": "api",
    "load_weights": "importing.load",
    "load_workload": "importing.load",
    "map_workload": "api",
    "simulate": "api",
    "to_onnx": "exporting.onnx_model",
    "to_torch": "exporting.export",
    "trace": "api",
}


def __getattr__(name: str) -> object:
    """Import the public names on first use, so that ``import lw3dsim`` stays instant."""
    if name in ("dse", "rtl"):
        return import_module(f"lw3dsim.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'lw3dsim' has no attribute {name!r}")
    return getattr(import_module(f"lw3dsim.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names, and those that every module has."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
