"""Load a workload, from a file of its own or from a network of another tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lw3dsim.arguments import as_dims, as_path, as_truth
from lw3dsim.base.calls import strict
from lw3dsim.describe.catalog import find
from lw3dsim.describe.source import has_key, read_text
from lw3dsim.describe.weights import Weighted
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.errors import ArgumentError, one_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lw3dsim.arguments import DimsArgument, PathArgument, SizeArgument
    from lw3dsim.describe.workload import Workload


@strict
def load_workload(
    name: PathArgument,
    *,
    input_size: SizeArgument = None,
    classes: int | None = None,
    dims: DimsArgument = None,
    allow_unknown: bool = False,
) -> Workload:
    """Load a shipped workload by ``name``, a workload file, a network in ONNX (a file ``*.onnx``), or layers of peers.

    Those are a topology of SCALE-Sim (a file ``*.csv``) and a problem of Timeloop (YAML with the key ``problem``).

    ``input_size`` is frames, height and width of the clip in pixels, as ``"16x112x112"`` or ``(16, 112, 112)``, or a
    dict of them by the name of an input; it overrides what the file says. ``classes`` (1 to 65536) overrides the
    parameter of that name of a workload file. ``dims`` are sizes for dimensions of an ONNX network that have a name,
    as ``{"frames": 16}`` or ``"frames=16"``; a batch that has one is 1. ``allow_unknown``: operators of an ONNX network
    that are not known, and read one computed tensor, become layers of the kind ``copy``. Raises InputError.
    """
    sized = load_weighted(name, input_size=input_size, classes=classes, dims=dims, allow_unknown=allow_unknown)
    return sized.workload


@strict
def load_weights(
    name: PathArgument, *, input_size: SizeArgument = None, dims: DimsArgument = None, allow_unknown: bool = False
) -> dict[str, NDArray[Any]]:
    """Return the weights that a network in ONNX holds, as ``execute(weights=...)`` takes them.

    ``LAYER.weight`` is N x C/groups x K x R x S, its batch norm folded in, ``LAYER.bias`` is N; layers whose weights
    are not in the file are left out. The arguments are those of :func:`load_workload`. Raises InputError.
    """
    arrays = {}
    loaded = load_weighted(name, input_size=input_size, dims=dims, allow_unknown=allow_unknown)
    for layer, read in loaded.weights.items():
        if (found := read()) is not None:
            arrays[f"{layer}.weight"] = found.weight
            arrays |= {} if found.bias is None else {f"{layer}.bias": found.bias}
    return arrays


def load_weighted(
    name: PathArgument,
    *,
    input_size: SizeArgument = None,
    classes: int | None = None,
    dims: DimsArgument = None,
    allow_unknown: bool = False,
) -> Weighted:
    """Load a workload, and what its file holds of its weights; see :func:`load_workload`."""
    path = as_path("workload", name, "a name or a file")
    allow_unknown = as_truth("allow_unknown", allow_unknown)
    if not path.lower().endswith(".onnx"):
        if allow_unknown:
            raise ArgumentError("allow_unknown", True, "only a network in ONNX has operators to be known; leave it out")
        if named := as_dims("dims", dims):
            raise ArgumentError(
                "dims", ",".join(named), "only a network in ONNX has dimensions with names; leave it out"
            )
        return Weighted(_read(path, input_size, classes), {})
    if classes is not None:
        raise ArgumentError("classes", classes, "a network in ONNX has the classes of its weights; leave it out")
    from lw3dsim.importing.lowering import network_of
    from lw3dsim.importing.onnx_file import read_onnx

    return network_of(read_onnx(find("workloads", path)), one_line(path, 200), input_size, dims, allow_unknown)


def _read(name: str, input_size: SizeArgument, classes: int | None) -> Workload:
    """Return the workload of a file that is no network in ONNX."""
    path = find("workloads", name)
    is_topology = path.suffix.lower() == ".csv"
    text = "" if is_topology else read_text(path)
    # A problem of Timeloop, and not a workload.
    is_problem = has_key(text, "problem") and not has_key(text, "layers")
    if not is_topology and not is_problem:
        return parse_workload(text, str(path), input_size=input_size, classes=classes)
    for argument, value in (("input_size", input_size), ("classes", classes)):
        if value is not None:
            raise ArgumentError(argument, value, f"{one_line(name, 200)} lists layers of fixed sizes; leave it out")
    if is_topology:
        from lw3dsim.importing.scalesim import read_topology

        return read_topology(path)
    from lw3dsim.importing.timeloop import read_problem

    return read_problem(text, str(path), path.stem)
