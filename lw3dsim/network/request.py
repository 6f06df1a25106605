"""What a run is asked for, as one frozen value: made and checked here, for the command line and for Python alike.

A request is complete before anything is read or simulated: every argument is a plain value of the kind that it
has to be, and every word is known. Importing this module is cheap; the stages that know the words are imported
when a request is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

from lw3dsim.arguments import (
    as_integer,
    as_optional_integer,
    as_optional_path,
    as_overrides,
    as_path_or,
    as_sizes,
    as_word,
)
from lw3dsim.base.values import Value
from lw3dsim.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.arguments import OverridesArgument, PathArgument, Size, SizeArgument
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.network.objective import Objective
    from lw3dsim.transform.passes import TransformArgument
    from lw3dsim.transform.passing import Pass

DEFAULT_ARCH = "edge_base"

MAX_CLASSES = 65_536
MAX_CLIPS = 1000
MAX_SEED = 2**32 - 1
# The largest m1 and m2.
MAX_TILE = 8

Algorithm = Literal["direct", "hfa", "winograd3d", "nested", "auto"]
Fusion = Literal["off", "auto"]
Dtype = Literal["int8", "int16", "float32", "float64"]


class Request(Value, frozen=True, kw_only=True):
    """A workload and how it is run; the functions that take a request say what each argument means.

    Files are named by text, sizes by three integers (for every input, or by input), changes of
    the accelerator by ``key.path=value`` texts. ``clips``, ``dtype`` and ``seed`` are for those that have a use
    for them.
    """

    workload: str | Workload
    arch: str | Accelerator = DEFAULT_ARCH
    transform: tuple[Pass, ...] = ()
    algorithm: str = "direct"
    m1: int | None = None
    m2: int | None = None
    engine: str = "auto"
    input_size: Size | Mapping[str, Size] | None = None
    classes: int | None = None
    overrides: tuple[str, ...] = ()
    clips: int | None = None
    fusion: str = "off"
    objective: Objective = "latency"
    mapping: str | None = None
    dtype: str = "int8"
    seed: int = 0


def make_request(
    workload: PathArgument | Workload,
    *,
    arch: PathArgument | Accelerator = DEFAULT_ARCH,
    transform: TransformArgument = None,
    algorithm: str = "direct",
    m1: int | None = None,
    m2: int | None = None,
    engine: str = "auto",
    input_size: SizeArgument = None,
    classes: int | None = None,
    overrides: OverridesArgument = None,
    clips: int | None = None,
    fusion: str = "off",
    objective: Objective = "latency",
    mapping: PathArgument | None = None,
    dtype: str = "int8",
    seed: int = 0,
) -> Request:
    """Return the request that these arguments make. Raises InputError for the first that is none."""
    from lw3dsim.arithmetic.number import NUMBERS
    from lw3dsim.describe.workload import Workload
    from lw3dsim.engine.run import ENGINES
    from lw3dsim.network.fusion import MODES
    from lw3dsim.network.objective import OBJECTIVES
    from lw3dsim.transform.algorithms import POLICIES
    from lw3dsim.transform.passes import as_passes

    request = Request(
        workload=as_path_or("workload", workload, Workload, "a name, a file"),
        arch=_arch(arch),
        transform=as_passes("transform", transform),
        algorithm=as_word("algorithm", algorithm, POLICIES),
        m1=as_optional_integer("m1", m1, 1, MAX_TILE),
        m2=as_optional_integer("m2", m2, 1, MAX_TILE),
        engine=as_word("engine", engine, ENGINES),
        input_size=as_sizes("input_size", input_size),
        classes=as_optional_integer("classes", classes, 1, MAX_CLASSES),
        overrides=as_overrides("overrides", overrides),
        clips=as_optional_integer("clips", clips, 1, MAX_CLIPS),
        fusion=as_word("fusion", fusion, MODES),
        objective=cast("Objective", as_word("objective", objective, OBJECTIVES)),
        mapping=as_optional_path("mapping", mapping),
        dtype=as_word("dtype", dtype, NUMBERS),
        seed=as_integer("seed", seed, 0, MAX_SEED),
    )
    _check_loaded(request)
    return request


def _check_loaded(request: Request) -> None:
    """Refuse to change what is given as it is: a loaded workload or accelerator."""
    if not isinstance(request.workload, str):
        for name, value in (("input_size", request.input_size), ("classes", request.classes)):
            if value is not None:
                raise ArgumentError(name, value, "resizes a workload that is given by name or file, not a loaded one")
    if not isinstance(request.arch, str) and request.overrides:
        rule = "change an accelerator that is given by name or file, not a loaded one"
        raise ArgumentError("overrides", list(request.overrides), rule)


def _arch(value: object) -> str | Accelerator:
    """Return the accelerator; what a loaded one holds may have been put there without a check."""
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.accelerator_file import check_loaded

    arch = as_path_or("arch", value, Accelerator, "a name, a file")
    return arch if isinstance(arch, str) else check_loaded(arch)
