"""A workload as a model in ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.arguments import as_integer, as_word
from lw3dsim.base.calls import strict
from lw3dsim.describe.workload import Workload
from lw3dsim.describe.workload_file import load_workload
from lw3dsim.errors import InputError
from lw3dsim.transform.passes import apply_transforms

if TYPE_CHECKING:
    import onnx

    from lw3dsim.arguments import PathArgument
    from lw3dsim.transform.passes import TransformArgument

WEIGHTS = ("none", "random")

# The newest version whose operators every onnx that is supported knows, and the format that it is written in.
OPSET, FORMAT = 20, 10
PRODUCER = "lw3dsim"

# What a file of protocol buffers may hold.
MAX_BYTES = 2**31 - 2**20


@strict
def to_onnx(
    workload: PathArgument | Workload, transform: TransformArgument = None, *, weights: str = "none", seed: int = 0
) -> onnx.ModelProto:
    """Return a workload as a model in ONNX, which ``onnx.save`` writes.

    ``workload`` is a name, a file, or what load_workload returns; ``transform`` are passes to apply first, as of
    :func:`simulate`. Tensors are N x C x T x H x W with an open N. Without weights (``"none"``) these are inputs of the
    model; ``"random"`` draws them by ``seed`` (0 to 2^32 - 1), float32 of a size that keeps values as large as they
    are. They are called as in :func:`to_torch`: ``stem.weight``, ``stem.norm.running_var``. The same workload gives the
    same bytes. Raises InputError, also where the package onnx is not installed.
    """
    network = workload if isinstance(workload, Workload) else load_workload(workload)
    drawn = as_word("weights", weights, WEIGHTS) == "random"
    start = as_integer("seed", seed, 0, 2**32 - 1)
    network = apply_transforms(network, transform)
    try:
        from onnx import helper
    except ImportError:
        raise InputError(
            "to_onnx needs the package onnx, which is not installed; run `pip install 'lw3dsim[onnx]'`"
        ) from None
    from lw3dsim.exporting.onnx_attention import write
    from lw3dsim.exporting.onnx_nodes import Writer

    if drawn and (size := 4 * sum(map(network.layer_params, network.layers))) > MAX_BYTES:
        raise InputError(f"{network.name}: weights of {size} bytes do not fit into a file of ONNX; export it without")
    writer = Writer(network, start if drawn else None)
    for layer in network.layers:
        write(layer, writer)
    return helper.make_model(
        writer.graph(),
        producer_name=PRODUCER,
        ir_version=FORMAT,
        opset_imports=[helper.make_opsetid("", OPSET)],
        doc_string=network.description,
    )


def onnx_bytes(model: onnx.ModelProto) -> bytes:
    """Return a model as it is written to a file, the same bytes for the same model."""
    return bytes(model.SerializeToString(deterministic=True))
