"""Topologies of SCALE-Sim: a line per layer, of convolutions or of products of matrices.

As SCALE-Sim reads them (its ``topology_utils.py``, versions 2 and 3): an IFMAP has its zeros around it, a last window
may reach beyond it, a name with ``DP`` is a depthwise layer with ``Num Filter`` filters per channel, and a sparsity
N:M leaves N of M weights. A product M x K by K x N is a convolution of M pixels with K channels.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from lw3dsim.describe.source import read_text
from lw3dsim.describe.workload import Conv3d, Shape
from lw3dsim.errors import InputError, one_line
from lw3dsim.importing.peers import MAX_LAYERS, NO_PADDING, Listed, chained, whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lw3dsim.describe.workload import Workload

NAMES = ("layer name", "layer", "name")
CONVOLUTION = ("ifmap height", "ifmap width", "filter height", "filter width", "channels", "num filter")
STRIDES = (("strides",), ("stride",), ("stride height", "stride width"))
PRODUCT = ("m", "n", "k")
DEPTHWISE = "DP"


def read_topology(path: Path) -> Workload:
    """Return the layers of a SCALE-Sim topology as a workload. Raises InputError."""
    shown = one_line(str(path), 200)
    rows = [(number, [cell.strip() for cell in row]) for number, row in _rows(read_text(path), shown) if any(row)]
    if not rows:
        raise InputError(f"{shown}:1 the file is empty; it needs a header and a line per layer")
    number, header = rows[0][0], [" ".join(cell.lower().split()) for cell in rows[0][1]]
    header = ["num filter" if cell == "num filters" else cell for cell in header]
    strides = next((found for found in STRIDES if set(found) <= set(header)), None)
    is_product = set(PRODUCT) <= set(header)
    if not is_product and (strides is None or not set(CONVOLUTION) <= set(header)):
        raise InputError(
            f"{shown}:{number} is no header of a SCALE-Sim topology; expected Layer name, IFMAP Height, IFMAP Width, "
            "Filter Height, Filter Width, Channels, Num Filter, Strides, or Layer, M, N, K"
        )
    if len(rows) == 1 or len(rows) > MAX_LAYERS:
        raise InputError(f"{shown}: has {len(rows) - 1} layers; it needs 1 to {MAX_LAYERS}")
    make = _product if is_product else _convolution
    wanted = PRODUCT if is_product else (*CONVOLUTION, *(strides or ()))
    listed = []
    for number, row in rows[1:]:
        place = f"{shown}:{number}"
        cells = dict(zip(header, row, strict=False))
        name = next((cells[key] for key in NAMES if cells.get(key)), row[0])
        if not name or not name.isprintable():
            raise InputError(f"{place} {header[0]}: is no name; give the layer one")
        numbers = {key: whole(place, key, cells.get(key, "")) for key in wanted}
        listed.append(make(place, name, numbers, _rest(header, row)))
    return chained(path.stem, "SCALE-Sim topology", listed)


def _rows(text: str, shown: str) -> list[tuple[int, list[str]]]:
    try:
        return list(enumerate(csv.reader(text.splitlines()), start=1))
    except csv.Error as error:
        raise InputError(f"{shown}: not valid CSV: {error}") from None


def _rest(header: list[str], row: list[str]) -> list[str]:
    """Return the cells behind the columns that a topology has to have: sparsity, and of products the batch."""
    known = 4 if set(PRODUCT) <= set(header) else 7 + sum(key in header for way in STRIDES for key in way)
    return [cell for cell in row[known:] if cell]


def _convolution(place: str, name: str, numbers: Mapping[str, int], rest: list[str]) -> Listed:
    size = [numbers["ifmap height"], numbers["ifmap width"]]
    kernel = [numbers["filter height"], numbers["filter width"]]
    single = numbers.get("strides", numbers.get("stride", 1))
    stride = [numbers.get("stride height", single), numbers.get("stride width", single)]
    beyond = []
    for axis, (have, reach, step) in enumerate(zip(size, kernel, stride, strict=True)):
        if reach > have:
            key = ("filter height", "filter width")[axis]
            raise InputError(f"{place} {key}: {reach} is larger than the IFMAP, {have}; make it no larger")
        # Windows are rounded up.
        beyond.append(-(have - reach) % step)
    channels, filters = numbers["channels"], numbers["num filter"]
    is_depthwise = DEPTHWISE in name
    layer = Conv3d(
        name=name,
        inputs=(),
        out_channels=filters * channels if is_depthwise else filters,
        kernel=(1, kernel[0], kernel[1]),
        stride=(1, stride[0], stride[1]),
        groups=channels if is_depthwise else 1,
        weight_density=_density(place, rest),
    )
    around = ((0, 0), (0, beyond[0]), (0, beyond[1]))
    return Listed(place, layer, Shape(channels, 1, size[0], size[1]), around)


def _product(place: str, name: str, numbers: Mapping[str, int], rest: list[str]) -> Listed:
    """Return a product as a convolution of M pixels; a batch of them, each with weights of its own, as its groups."""
    batches = [cell for cell in rest if ":" not in cell]
    batch = whole(place, "batch", batches[0]) if batches else 1
    layer = Conv3d(
        name=name,
        inputs=(),
        out_channels=batch * numbers["n"],
        kernel=(1, 1, 1),
        groups=batch,
        weight_density=_density(place, rest),
    )
    return Listed(place, layer, Shape(batch * numbers["k"], 1, numbers["m"], 1), NO_PADDING)


def _density(place: str, rest: list[str]) -> float:
    """Return the share of weights that a sparsity N:M leaves, 1 where there is none."""
    for cell in rest:
        if ":" in cell:
            some, _, all_of = cell.partition(":")
            kept, of = (whole(place, "sparsity", part) for part in (some, all_of))
            if kept > of:
                raise InputError(f"{place} sparsity: {one_line(cell)} keeps more than there are; write N:M with N <= M")
            return kept / of
    return 1.0
