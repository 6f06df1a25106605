"""What the public functions may be given: values that are wrong or odd for almost any argument, and calls for them.

A value is made by a function, as some are used up, or are too large to be shown in the name of a test.
"""

from __future__ import annotations

import enum
import fractions
import inspect
import pathlib
from functools import cache, partial

import numpy as np

import lw3dsim
from lw3dsim import dse, learn, rtl
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.network.request import Options
from lw3dsim.transform import read_pass


class _Stubborn:
    """Fails at whatever it is asked."""

    def _fail(self, *_):
        raise RuntimeError

    __index__ = __fspath__ = __len__ = __getitem__ = __iter__ = __float__ = __repr__ = __str__ = __eq__ = _fail
    __hash__ = object.__hash__


class _Word(enum.StrEnum):
    OFF = "off"


VALUES = {
    "None": lambda: None,
    "True": lambda: True,
    "numpy.True": lambda: np.bool_(True),  # a value, not a flag
    "0": lambda: 0,
    "-1": lambda: -1,
    "huge": lambda: 10**5000,
    "numpy.int64": lambda: np.int64(2),
    "numpy.uint8": lambda: np.uint8(2),
    "0-d array": lambda: np.array(2),
    "float": lambda: 2.0,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "numpy.float32": lambda: np.float32(2),
    "complex": lambda: 2j,
    "fraction": lambda: fractions.Fraction(3, 2),
    "empty text": lambda: "",
    "text": lambda: "no such",
    "lines": lambda: "a\nb",
    "number as text": lambda: "2",
    "half a character": lambda: "\ud800",
    "no character": lambda: "a\0b",
    "long text": lambda: "x" * 100_000,
    "word": lambda: _Word.OFF,
    "bytes": lambda: b"c3d",
    "list": lambda: [1, "a", None],
    "empty list": list,
    "list of itself": lambda: _nested_list(),
    "huge members": lambda: [10**5000] * 3,
    "tuple of floats": lambda: (16.0, 32.0, 32.0),
    "array": lambda: np.array([1.5, 2.5]),
    "dict": lambda: {"a": 1},
    "empty dict": dict,
    "dict of objects": lambda: {"pe.rows": object()},
    "dict by number": lambda: {1: 2},
    "half a character in a dict": lambda: {"pe.rows": "\ud800"},
    "lines in a dict": lambda: {"a\nb": 1},
    "set": lambda: {"fsb"},
    "generator": lambda: (i for i in range(3)),
    "range": lambda: range(10**9),
    "object": object,
    "class": lambda: Exception,
    "function": lambda: lambda *_: None,
    "path": lambda: pathlib.Path("no/such.yaml"),
    "empty path": lambda: pathlib.Path(),
    "stubborn": _Stubborn,
}


def _nested_list():
    items = []
    items.append(items)
    return items


# Arguments that may hold such values, by what takes them; a run is asked for as in ``simulate``.
RUN = ("workload", "arch", "transform", "algorithm", "m1", "m2", "input_size", "classes", "dims", "overrides", "fusion")
RUN = (*RUN, "objective", "batch", "stream_state", "progress", "allow_unknown", "example_inputs")
CASE = (*(name for name in RUN if name not in ("workload", "progress", "example_inputs")), "engine", "mapping", "name")
SEARCH = ("space", "storage")


def _loaded(workload, **given):
    return lw3dsim.load_workload(workload, **given)


def _weights(workload, **given):
    return lw3dsim.load_weights(workload, **given)


def _of_case(workload, **given):
    return lw3dsim.compare(workload, [lw3dsim.Case(**{"name": "a", **given})])


def _traced(workload, out="trace.json", **given):
    return lw3dsim.trace(workload, out=out, **given)


def _of_module(module="no module", **given):
    return lw3dsim.from_torch(module, **given)


TINY = """name: tiny
inputs: {clip: {channels: 4, frames: 4, height: 8, width: 8}}
parameters: {classes: 3}
layers:
  - {name: a, kind: conv3d, out_channels: 4, kernel: 3, padding: 1}
  - {name: b, kind: linear, out_features: $classes}
"""


@cache
def _result():
    # A result that is there before a test begins, so that making it is no work of the test.
    return lw3dsim.simulate(parse_workload(TINY))


def _drawn(**given):
    _result().plot.save(**{"kind": "energy", "path": "figure.svg", **given}).unlink()


def _timeline(**given):
    return _result().plot.timeline(**given)


# By function: how it is called, and its arguments.
CALLS = {
    "simulate": (lw3dsim.simulate, (*RUN, "engine", "clips", "mapping", "calibration")),
    "execute": (lw3dsim.execute, (*RUN, "engine", "clips", "mapping", "dtype", "seed", "weights", "inputs")),
    "trace": (_traced, (*RUN, "engine", "mapping", "layers", "out", "slices", "banks")),
    "map_workload": (lw3dsim.map_workload, (*RUN, "engine", "mapping", "layers")),
    "explain": (lw3dsim.explain, RUN),
    "compare": (lw3dsim.compare, ("workload", "cases", "arch", "progress", "example_inputs")),
    "Case": (_of_case, CASE),
    "default_cases": (lw3dsim.default_cases, ("workload", "arch")),
    "load_workload": (_loaded, ("workload", "input_size", "classes", "dims", "allow_unknown")),
    "load_weights": (_weights, ("workload", "input_size", "dims", "allow_unknown")),
    "load_arch": (partial(lw3dsim.load_arch, "edge_base"), ("overrides",)),
    "load_result": (lw3dsim.load_result, ("path",)),
    "from_torch": (_of_module, ("module", "example_inputs", "named_inputs")),
    "to_onnx": (lw3dsim.to_onnx, ("workload", "transform", "weights", "seed")),
    "to_torch": (lw3dsim.to_torch, ("workload", "transform")),
    "plot.save": (_drawn, ("kind", "path", "width", "layer")),
    "plot.accesses": (_result().plot.accesses, ("by_layer",)),
    "plot.timeline": (_timeline, ("layer", "whole")),
    "transform.read_pass": (read_pass, ("text",)),
    "learn.train": (learn.train, tuple(inspect.signature(learn.train).parameters)),
    "learn.score": (learn.score, tuple(inspect.signature(learn.score).parameters)),
    "rtl.check_core": (rtl.check_core, ("workload", "run", "layers", "seed", "folder")),
    "dse.run": (
        dse.run,
        (
            *SEARCH,
            "trials",
            "sampler",
            "seed",
            "workers",
            "resume",
            "batch",
            "bounds",
            "patience_s",
            "point_limit_s",
            "dask",
            "progress",
        ),
    ),
    "dse.prove": (dse.prove, (*SEARCH, "out", "minutes", "resume", "progress")),
    "dse.load_space": (dse.load_space, ("name",)),
    "dse.study": (dse.study, SEARCH),
    "dse.status": (dse.status, SEARCH),
    "dse.front": (dse.front, SEARCH),
    "dse.points": (dse.points, SEARCH),
    "dse.export": (dse.export, (*SEARCH, "path")),
    "dse.report": (dse.report, (*SEARCH, "path")),
}


@cache
def _space():
    return dse.load_space("tiles_and_pes")


def given(function):
    """Return what a call is given besides the argument in question."""
    _, arguments = CALLS[function]
    given = {"workload": "tiny.yaml", "space": _space(), "path": "points.csv", "run": Options()}
    if function.startswith("learn."):
        given |= {"data": "no_folder", "weights": "no_weights.npz", "arch": "edge_base", "out": "trained"}
    return {
        name: value for name, value in given.items() if name in arguments or (function, name) == ("Case", "workload")
    }
