"""What a run is asked for: every argument of it is declared here, once, for the command line and for Python alike.

The verbs of :mod:`lw3dsim.api`, the cases of a comparison and the options of commands take the arguments of these
classes, and what is checked becomes one frozen value, a request. It is complete before anything is read or simulated:
every argument is a plain value of the kind that it has to be, and every word is known. Importing this module is
cheap; the stages that know the words are imported when a request is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from lw3dsim.arguments import (
    as_dims,
    as_integer,
    as_optional_integer,
    as_optional_path,
    as_overrides,
    as_path_or,
    as_truth,
    as_word,
)
from lw3dsim.base.parameters import Parameters, checked_values, declared_by, parameter
from lw3dsim.errors import ArgumentError
from lw3dsim.network.shaped import Shaped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike
    from torch import nn

    from lw3dsim.arguments import DimsArgument, OverridesArgument, PathArgument, Size
    from lw3dsim.arithmetic.arrays import Arrays
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.weights import Weighted
    from lw3dsim.describe.workload import StreamState, Workload
    from lw3dsim.network.objective import Objective
    from lw3dsim.transform.passing import Pass

DEFAULT_ARCH = "edge_base"

MAX_CLASSES = 65_536
MAX_CLIPS = 1000
MAX_BATCH = 256
MAX_SEED = 2**32 - 1
# How many slices a trace may be asked to have, and has at most by default: viewers open that quickly.
SLICES = (100, 10_000_000)
DEFAULT_SLICES = 300_000
# The largest m1 and m2.
MAX_TILE = 8

Fusion = Literal["off", "auto"]
WEIGHTS = ("file", "random")


def _whole(low: int, high: int) -> Callable[[str, object], int | None]:
    return lambda name, value: as_optional_integer(name, value, low, high)


def _algorithm(name: str, value: object) -> str:
    from lw3dsim.transform.algorithms import POLICIES

    return as_word(name, value, POLICIES)


def _engine(name: str, value: object) -> str:
    from lw3dsim.engine.names import BUILTIN

    if isinstance(value, str) and value in BUILTIN:
        return value
    from lw3dsim.engine.run import ENGINES

    return as_word(name, value, ENGINES)


def _fusion(name: str, value: object) -> str:
    from lw3dsim.network.units import MODES

    return as_word(name, value, MODES)


def _stream_state(name: str, value: object) -> str | None:
    from lw3dsim.describe.workload import StreamState

    return None if value is None else as_word(name, value, get_args(StreamState))


def _objective(name: str, value: object) -> str:
    from lw3dsim.network.objective import OBJECTIVES

    return as_word(name, value, OBJECTIVES)


def _dtype(name: str, value: object) -> str:
    from lw3dsim.arithmetic.number import DTYPES

    return as_word(name, value, DTYPES)


def as_seed(name: str, value: object) -> int:
    """Return a seed. Raises ArgumentError for what is no whole number from 0 to 2^32 - 1."""
    return as_integer(name, value, 0, MAX_SEED)


def as_arrays(name: str, value: object) -> Arrays:
    """Return arrays by name; see :func:`lw3dsim.arithmetic.arrays.as_arrays`."""
    from lw3dsim.arithmetic.arrays import as_arrays as checked

    return checked(name, value)


def _weights(name: str, value: object) -> str | Arrays:
    """Return where weights are from: a word, or the arrays themselves."""
    if isinstance(value, str) and not value.lower().endswith(".npz"):
        return as_word(name, value, WEIGHTS)
    return as_arrays(name, value)


def _optional_arrays(name: str, value: object) -> Arrays | None:
    return None if value is None else as_arrays(name, value)


def _workload(name: str, value: object) -> str | Workload | nn.Module:
    from lw3dsim.describe.workload import Workload
    from lw3dsim.importing.module import is_module

    return value if is_module(value) else as_path_or(name, value, Workload, "a name, a file, a torch.nn.Module")


def _arch(name: str, value: object) -> str | Accelerator:
    """Return the accelerator; what a loaded one holds may have been put there without a check."""
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.accelerator_file import check_loaded

    arch = as_path_or(name, value, Accelerator, "a name, a file")
    return arch if isinstance(arch, str) else check_loaded(arch)


class Subject(Parameters):
    """What is run."""

    workload: PathArgument | Workload | nn.Module = parameter(
        _workload,
        "The network: a name (see `lw3dsim list`), a file, what load_workload returns, or a torch.nn.Module.",
        kw_only=False,
    )


class Examples(Parameters):
    """What a module of PyTorch is called with, where one is what is run."""

    example_inputs: Any = parameter(
        lambda _, value: value,
        "Tensors of one clip, in order or by name, that a torch.nn.Module is called with; only their shapes count.",
        default=None,
    )


class Machine(Parameters):
    """The machine that it is run on."""

    arch: PathArgument | Accelerator = parameter(
        _arch,
        "The accelerator.",
        default=DEFAULT_ARCH,
        kw_only=False,
        values="NAME|FILE",
        in_python="A name, a file, or what load_arch returns.",
    )


class Design(Shaped, Machine):
    """The machine that it is run on, and how its mappings are chosen."""

    algorithm: str = parameter(_algorithm, "direct, hfa, winograd3d, nested or auto.", default="direct", kw_only=False)
    m1: int | None = parameter(
        _whole(1, MAX_TILE),
        "Temporal tile of F(m1, K).",
        default=None,
        kw_only=False,
        values=f"1..{MAX_TILE}",
        in_python=f"1 to {MAX_TILE} outputs along time; by default the accelerator's.",
    )
    m2: int | None = parameter(
        _whole(1, MAX_TILE),
        "Spatial tile of F(m2xm2, RxR).",
        default=None,
        kw_only=False,
        values=f"1..{MAX_TILE}",
        in_python=f"1 to {MAX_TILE} outputs along each side; by default the accelerator's.",
    )
    classes: int | None = parameter(
        _whole(1, MAX_CLASSES),
        "Number of classes.",
        default=None,
        values="N",
        in_python=f"1 to {MAX_CLASSES}; for a workload by name or file.",
    )
    dims: DimsArgument = parameter(
        as_dims,
        "Size of a named dimension of a network in ONNX.",
        default=None,
        values="NAME=SIZE",
        in_python="A text, a list of them, or sizes by name; for a workload by file.",
        option="--dim",
        is_repeated=True,
    )
    allow_unknown: bool = parameter(
        as_truth,
        "Cost operators of a network in ONNX that are not known as copies.",
        default=False,
        in_python="True or False; for a workload by file.",
        option="--allow-unknown",
    )
    batch: int = parameter(
        lambda name, value: as_integer(name, value, 1, MAX_BATCH),
        "Clips that are computed together, layer by layer; they share the weights on chip.",
        default=1,
        values=f"1..{MAX_BATCH}",
        in_python=f"1 to {MAX_BATCH}.",
    )
    stream_state: StreamState | None = parameter(
        _stream_state,
        "all: clips are parts of a stream, and layers keep the frames that they look back at; causal: those that can.",
        default=None,
        values="[off|all|causal]",
        in_python="off, all or causal; by default what the workload says, which is off where it says nothing.",
    )
    overrides: OverridesArgument = parameter(
        as_overrides,
        "Override a field of the accelerator.",
        default=None,
        values="KEY.PATH=VALUE",
        in_python="A text, a list of them, or values by key path; for one that is given by name or file.",
        option="--set",
        is_repeated=True,
    )
    fusion: str = parameter(
        _fusion,
        "auto: run neighbouring layers tile by tile, with the tensors between them on chip, where it pays.",
        default="off",
        values="[off|auto]",
    )
    objective: Objective = parameter(
        _objective,
        "What mappings and fused groups are chosen for.",
        default="latency",
        values="[latency|energy|edp|dram_bytes|dram_bytes_only]",
        in_python="latency, energy, edp, dram_bytes, or dram_bytes_only: the fewest, whatever time they take.",
    )


class Run(Design):
    """How one design is run."""

    engine: str = parameter(
        _engine,
        "auto; fast (compiled); or simpy (the readable reference): equal numbers.",
        default="auto",
        kw_only=False,
    )
    mapping: PathArgument | None = parameter(
        as_optional_path,
        "Take the mappings of layers and groups from this file (of `map --save`); map the rest.",
        default=None,
        values="FILE",
    )


class Clips(Parameters):
    """Several clips behind each other."""

    clips: int | None = parameter(
        _whole(1, MAX_CLIPS),
        "Also run this many clips behind each other, without a stop between layers; execute: run as many.",
        default=None,
        values=f"1..{MAX_CLIPS}",
        in_python=f"1 to {MAX_CLIPS}.",
    )


class Tensors(Parameters):
    """The tensors that an execution computes with."""

    dtype: str = parameter(_dtype, "int (in its own widths), int8, int16, float32 or float64.", default="int")
    seed: int = parameter(as_seed, "Of clips and weights.", default=0, in_python="0 to 2^32 - 1.")
    weights: PathArgument | Mapping[str, ArrayLike] = parameter(
        _weights,
        "file: those of a network in ONNX, drawn where it has none; random; or a file of arrays.",
        default="file",
        values="[file|random|FILE.npz]",
        in_python="Or arrays by name, LAYER.weight and LAYER.bias, as of load_weights or a state dict of to_torch.",
    )
    inputs: PathArgument | Mapping[str, ArrayLike] | None = parameter(
        _optional_arrays,
        "Clips by input, CxTxHxW, from a file of arrays; drawn where it has none.",
        default=None,
        values="FILE.npz",
        in_python="Or arrays by name.",
        option="--inputs",
    )


class Judged(Parameters):
    """What the SQNR is estimated of."""

    calibration: PathArgument | Mapping[str, ArrayLike] | None = parameter(
        _optional_arrays,
        "Estimate the SQNR of operands like those of this file (of `score --save-calibration`), with the shifts of it.",
        default=None,
        values="FILE.npz",
        in_python="A file, or arrays by name; without it operands are taken as uniform, shifts as worst_case.",
    )


class Options(Run, Clips, Tensors, Judged):
    """All that can be said of a run but its workload."""


class Request(Options, Subject):
    """A workload and how it is run, checked: what is of a wider type elsewhere has the type that it is kept in.

    Files are named by text, sizes by three integers (for every input, or by input), changes of the accelerator by
    ``key.path=value`` texts. ``clips`` and what tensors are made of are for those that have a use for them.
    """

    workload: str | Workload | Weighted
    arch: str | Accelerator = DEFAULT_ARCH
    transform: tuple[Pass, ...] = ()
    input_size: Size | Mapping[str, Size] | None = None
    dims: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    mapping: str | None = None
    weights: str | Arrays = "file"
    inputs: Arrays | None = None
    calibration: Arrays | None = None


def given_network(
    workload: PathArgument | Workload | nn.Module, example_inputs: Any = None
) -> str | Workload | Weighted:
    """Return the workload of an argument: a module of PyTorch is read, with the inputs that it is called with.

    Raises InputError.
    """
    given = _workload("workload", workload)
    from lw3dsim.importing.module import is_module, weighted_of_module

    if is_module(given):
        return weighted_of_module(given, example_inputs)
    if example_inputs is not None:
        raise ArgumentError("example_inputs", example_inputs, "only a torch.nn.Module has any; leave it out")
    return given


def make_request(workload: PathArgument | Workload | nn.Module, options: Parameters) -> Request:
    """Return the request to run ``workload`` as ``options`` say. Raises InputError for the first that is wrong."""
    known = {declared.name for declared in declared_by(Request)}
    checked = checked_values(options)
    given = {**checked, "workload": given_network(workload, checked.get("example_inputs"))}
    request = Request(**{name: value for name, value in given.items() if name in known})
    _check_loaded(request)
    check_batch(request)
    return request


def check_batch(request: Request) -> None:
    """Refuse what a batch of several clips can't be combined with. Raises ArgumentError."""
    if request.batch > 1 and request.clips is not None:
        raise ArgumentError("clips", request.clips, "runs clip after clip; leave it out, or give no batch")


def _check_loaded(request: Request) -> None:
    """Refuse to change what is given as it is: a loaded workload or accelerator."""
    if not isinstance(request.workload, str):
        for name, value in (("input_size", request.input_size), ("classes", request.classes), ("dims", request.dims)):
            if value not in (None, ()):
                raise ArgumentError(name, value, "resizes a workload that is given by name or file, not a loaded one")
        if request.allow_unknown:
            rule = "is for a workload that is given by file, not a loaded one"
            raise ArgumentError("allow_unknown", request.allow_unknown, rule)
    if not isinstance(request.arch, str) and request.overrides:
        rule = "change an accelerator that is given by name or file, not a loaded one"
        raise ArgumentError("overrides", list(request.overrides), rule)
