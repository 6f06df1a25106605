"""Problems of Timeloop: a convolution as bounds of its loops, in the forms of its versions 0.3 and 0.4.

The names are those of its ``cnn-layer``: R, S the kernel, P, Q the output, C and M the channels, N the batch, G groups;
``Wstride``, ``Wdilation`` belong to R and P, ``Hstride``, ``Hdilation`` to S and Q. Of a 3D convolution T and F are the
kernel and the output in time, with ``Dstride``, ``Ddilation``. A shape without M is depthwise, one of M, N and K a
product. Bounds stand under ``instance``, in older files beside ``shape``. The clips of a batch are frames here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lw3dsim.describe.source import has_key, parse_file
from lw3dsim.describe.workload import Conv3d, Shape
from lw3dsim.errors import InputError, short, suggest
from lw3dsim.importing.peers import NO_PADDING, Listed, chained, whole

if TYPE_CHECKING:
    from lw3dsim.describe.document import Document, KeyPath
    from lw3dsim.describe.workload import Workload

BOUNDS = ("R", "S", "P", "Q", "C", "M", "N", "G", "T", "F")
COEFFICIENTS = ("Wstride", "Hstride", "Dstride", "Wdilation", "Hdilation", "Ddilation")
# Beside the bounds, in files without ``instance``; and what an instance has that is no bound of a loop.
OTHERS = ("shape", "version", "instance", "densities", "name")
BESIDE = ("densities", "version", "H", "W")
# Dimensions that tools split others into: they may be 1.
SPLIT = ("X", "Y", "Z")
NEEDED = ("R", "S", "P", "Q", "C")
PRODUCT = ("M", "N", "K")
_KEY = re.compile(r"[^\s#-]")


def _alone(text: str, path: str) -> str:
    """Return the problem of a file that may hold an architecture, a mapper and more, whose tags say nothing here."""
    kept, is_inside = [], False
    for number, line in enumerate(text.splitlines(), start=1):
        if "{{" in line:
            raise InputError(f"{path}:{number} is a template, which Timeloop fills in; write its values out")
        if _KEY.match(line):
            is_inside = has_key(line, "problem")
        kept.append(line if is_inside else "")
    return "\n".join(kept)


def read_problem(text: str, path: str, name: str) -> Workload:
    """Return the layer that a Timeloop problem describes, as a workload. Raises InputError."""
    document = parse_file(_alone(text, path), path)
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
        if set(dimensions) == set(PRODUCT):
            return
        for one in dimensions:
            if one not in (*BOUNDS, *SPLIT):
                names = ", ".join(BOUNDS)
                wanted = f"a convolution has some of {names}, a product M, N and K; write other layers as a workload"
                raise document.error((*at, "dimensions"), f"{short(one)} is no dimension of a convolution; {wanted}")
        if not set(NEEDED) <= set(dimensions):
            missing = next(one for one in NEEDED if one not in dimensions)
            raise document.error((*at, "dimensions"), f"lacks {missing}; only convolutions are read")
    elif not isinstance(shape, str) or "cnn" not in shape.lower():
        raise document.error(at, f"{short(shape)} is no shape of a convolution; use cnn-layer, or write it out")


def _layer(document: Document, at: KeyPath, values: dict[str, Any], shape: Any) -> Listed:
    dimensions = shape.get("dimensions", BOUNDS) if isinstance(shape, dict) else BOUNDS
    is_product = set(dimensions) == set(PRODUCT)
    numbers = dict.fromkeys(PRODUCT if is_product else (*BOUNDS, *SPLIT, *COEFFICIENTS), 1)
    numbers |= _defaults(document, shape)
    for key, value in values.items():
        if key in BESIDE:
            continue
        if key not in numbers:
            raise document.error((*at, str(key)), f"is no bound of a convolution; {suggest(str(key), numbers)}")
        if key in SPLIT and str(value).strip() != "1":
            names = ", ".join(BOUNDS)
            why = f"{short(value)} in a dimension that a convolution has not: only 1 is read; its bounds are {names}"
            raise document.error((*at, key), why)
        numbers[key] = whole(document.where((*at, key)), f"problem.{key}", value)
    for key in PRODUCT if is_product else NEEDED:
        if key not in values:
            raise document.error(at, f"lacks the bound {key}; give it")
    said = shape.get("name") if isinstance(shape, dict) else shape
    name = said if isinstance(said, str) and said and said.isprintable() else "layer"
    place = document.where(at)
    if is_product:
        layer = Conv3d(name=name, inputs=(), out_channels=numbers["N"], kernel=(1, 1, 1))
        return Listed(place, layer, Shape(numbers["K"], 1, numbers["M"], 1), NO_PADDING)
    has_time = max(numbers["T"], numbers["F"]) > 1
    if has_time and numbers["N"] > 1:
        raise document.error((*at, "N"), f"{numbers['N']} clips of a 3D convolution; give 1, and run it as a --batch")
    has_filters = "M" in dimensions if isinstance(shape, dict) else "depthwise" not in shape
    return _convolution(name, place, numbers, has_filters=has_filters)


def _convolution(name: str, place: str, numbers: dict[str, int], *, has_filters: bool) -> Listed:
    """Return a convolution, whose clips, if it has no time of its own, are its frames."""
    kernel, outputs, stride, dilation = (
        (numbers[keys[0]], numbers[keys[1]], numbers[keys[2]])
        for keys in ("TSR", "FQP", ("Dstride", "Hstride", "Wstride"), ("Ddilation", "Hdilation", "Wdilation"))
    )
    frames, height, width = (
        (made - 1) * step + (taps - 1) * apart + 1
        for made, step, taps, apart in zip(outputs, stride, kernel, dilation, strict=True)
    )
    layer = Conv3d(
        name=name,
        inputs=(),
        out_channels=numbers["G"] * (numbers["M"] if has_filters else numbers["C"]),
        kernel=kernel,
        stride=stride,
        dilation=dilation,
        groups=numbers["G"] if has_filters else numbers["G"] * numbers["C"],
    )
    channels = numbers["G"] * numbers["C"]
    return Listed(place, layer, Shape(channels, frames * numbers["N"], height, width), NO_PADDING)


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
