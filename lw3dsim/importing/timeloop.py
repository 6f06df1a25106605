"""Problems of Timeloop: a convolution as bounds of its loops, in the forms of its versions 0.3 and 0.4.

The names are those of its ``cnn-layer``: R, S the kernel, P, Q the output, C and M the channels, N the batch, G groups;
``Wstride``, ``Wdilation`` belong to R and P, ``Hstride``, ``Hdilation`` to S and Q. A shape without M is depthwise.
Bounds stand under ``instance``, in older files beside ``shape``. The clips of a batch are frames here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lw3dsim.describe.source import parse_file
from lw3dsim.describe.workload import Conv3d, Shape
from lw3dsim.errors import short, suggest
from lw3dsim.importing.peers import Listed, chained, whole

if TYPE_CHECKING:
    from lw3dsim.describe.document import Document, KeyPath
    from lw3dsim.describe.workload import Workload

BOUNDS = ("R", "S", "P", "Q", "C", "M", "N", "G")
COEFFICIENTS = ("Wstride", "Hstride", "Wdilation", "Hdilation")
# Beside the bounds, in files without ``instance``.
OTHERS = ("shape", "version", "instance", "densities", "name")
NEEDED = ("R", "S", "P", "Q", "C")
_TOP = re.compile(r"^(problem|\"problem\"|'problem')\s*:", re.MULTILINE)
_LAYERS = re.compile(r"^layers\s*:", re.MULTILINE)


def is_problem(text: str) -> bool:
    """Return whether a YAML text looks like a problem of Timeloop, and not like a workload."""
    return _TOP.search(text) is not None and _LAYERS.search(text) is None


def read_problem(text: str, path: str, name: str) -> Workload:
    """Return the layer that a Timeloop problem describes, as a workload. Raises InputError."""
    document = parse_file(text, path)
    at: KeyPath = ("problem",)
    problem = document.data["problem"]
    if not isinstance(problem, dict):
        raise document.error(at, f"expected a mapping of shape and instance, not {short(problem)}")
    shape = problem.get("shape", "cnn-layer")
    _check_shape(document, shape)
    if "instance" in problem:
        at, values = (*at, "instance"), problem["instance"]
    else:
        values = {key: value for key, value in problem.items() if key not in OTHERS}
    if not isinstance(values, dict):
        raise document.error(at, f"expected a mapping of bounds, not {short(values)}")
    layer = _layer(document, at, values, shape)
    return chained(name, "Timeloop problem", [layer])


def _check_shape(document: Document, shape: Any) -> None:
    """Refuse what is no convolution."""
    at: KeyPath = ("problem", "shape")
    if isinstance(shape, dict):
        dimensions = shape.get("dimensions", list(BOUNDS))
        if not isinstance(dimensions, list) or not all(isinstance(one, str) for one in dimensions):
            raise document.error((*at, "dimensions"), f"expected a list of names, not {short(dimensions)}")
        for one in dimensions:
            if one not in BOUNDS:
                wanted = f"a convolution has some of {', '.join(BOUNDS)}; write other layers as a workload"
                raise document.error((*at, "dimensions"), f"{short(one)} is no dimension of a convolution; {wanted}")
        if not set(NEEDED) <= set(dimensions):
            missing = next(one for one in NEEDED if one not in dimensions)
            raise document.error((*at, "dimensions"), f"lacks {missing}; only convolutions are read")
    elif not isinstance(shape, str) or "cnn" not in shape.lower():
        raise document.error(at, f"{short(shape)} is no shape of a convolution; use cnn-layer, or write it out")


def _layer(document: Document, at: KeyPath, values: dict[str, Any], shape: Any) -> Listed:
    numbers = dict.fromkeys((*BOUNDS, *COEFFICIENTS), 1) | _defaults(document, shape)
    for key, value in values.items():
        if key in ("densities", "version"):
            continue
        if key not in numbers:
            raise document.error((*at, str(key)), f"is no bound of a convolution; {suggest(str(key), numbers)}")
        numbers[key] = whole(document.where((*at, key)), f"problem.{key}", value)
    for key in NEEDED:
        if key not in values:
            raise document.error(at, f"lacks the bound {key}; give it")
    has_filters = "M" in shape.get("dimensions", BOUNDS) if isinstance(shape, dict) else "depthwise" not in shape
    groups = numbers["G"] if has_filters else numbers["G"] * numbers["C"]
    kernel, outputs = (1, numbers["S"], numbers["R"]), (numbers["Q"], numbers["P"])
    stride, dilation = (numbers["Hstride"], numbers["Wstride"]), (numbers["Hdilation"], numbers["Wdilation"])
    height, width = (
        (made - 1) * step + (taps - 1) * apart + 1
        for made, step, taps, apart in zip(outputs, stride, kernel[1:], dilation, strict=True)
    )
    name = shape.get("name") if isinstance(shape, dict) else shape
    layer = Conv3d(
        name=name if isinstance(name, str) and name and name.isprintable() else "layer",
        inputs=(),
        out_channels=numbers["G"] * (numbers["M"] if has_filters else numbers["C"]),
        kernel=kernel,
        stride=(1, *stride),
        dilation=(1, *dilation),
        groups=groups,
    )
    shape_of = Shape(numbers["G"] * numbers["C"], numbers["N"], height, width)
    return Listed(document.where(at), layer, shape_of, ((0, 0), (0, 0), (0, 0)))


def _defaults(document: Document, shape: Any) -> dict[str, int]:
    """Return the coefficients that a shape gives where the instance does not."""
    found: dict[str, int] = {}
    listed = shape.get("coefficients", []) if isinstance(shape, dict) else []
    at: KeyPath = ("problem", "shape", "coefficients")
    if not isinstance(listed, list):
        raise document.error(at, f"expected a list of name and default, not {short(listed)}")
    for i, one in enumerate(listed):
        name = one.get("name") if isinstance(one, dict) else None
        if name not in COEFFICIENTS:
            raise document.error((*at, i), f"expected one of {', '.join(COEFFICIENTS)} by name, not {short(one)}")
        found[name] = whole(document.where((*at, i)), f"problem.shape.coefficients {name}", one.get("default", 1))
    return found
