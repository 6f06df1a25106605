"""A workload as a module of PyTorch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from lw3dsim.base.calls import strict
from lw3dsim.describe.workload import Workload
from lw3dsim.describe.workload_file import load_workload
from lw3dsim.errors import InputError
from lw3dsim.transform.passes import apply_transforms

if TYPE_CHECKING:
    from lw3dsim.arguments import PathArgument
    from lw3dsim.exporting.network import Network
    from lw3dsim.transform.passes import TransformArgument


@strict
def to_torch(workload: PathArgument | Workload, transform: TransformArgument = None) -> Network:
    """Return a workload as a ``torch.nn.Module``, its weights drawn as PyTorch draws them.

    ``workload`` is a name, a file, or what load_workload returns; ``transform`` are passes to apply first, as of
    :func:`simulate`. Tensors are N x C x T x H x W, those of linear layers N x C x 1 x 1 x 1. The inputs of the
    module are those of the workload, in its order or by name. Its output is the tensor that no layer reads, or where
    there are several a dict of them by layer. Modules are nested as the names of layers are: ``res2.0.a`` has its
    weights in ``res2.0.a.weight``, its batch norm in ``res2.0.a.norm``. Raises InputError, also where PyTorch is not
    installed.
    """
    network = workload if isinstance(workload, Workload) else load_workload(workload)
    network = apply_transforms(network, transform)
    try:
        import_module("torch")
    except ImportError:
        raise InputError(
            "to_torch needs the package torch, which is not installed; run `pip install 'lw3dsim[torch]'`, "
            "or for the CPU alone `uv pip install torch --torch-backend cpu`"
        ) from None
    from lw3dsim.exporting.network import Network

    return Network(network)
