"""RTL: the core of an accelerator in SystemVerilog, programs made from schedules, its check against the engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.arguments import as_names, as_optional_path
from lw3dsim.base.parameters import parameter, taking
from lw3dsim.errors import ArgumentError
from lw3dsim.network.request import Design, Subject, as_seed, make_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.arguments import PathArgument
    from lw3dsim.result.rtl import CheckResult


def _as_design(name: str, value: object) -> Design:
    if not isinstance(value, Design):
        raise ArgumentError(name, value, "expected lw3dsim.network.request.Options, such as Options(arch='edge_base')")
    return value


class Checking(Subject):
    """Arguments of :func:`check_core`."""

    run: Design = parameter(
        _as_design, "The accelerator, and how it runs the network: Options of lw3dsim.network.request.", kw_only=False
    )
    layers: str | Sequence[str] | None = parameter(
        lambda name, value: None if value is None else as_names(name, value),
        "Names of the layers to run; by default all that the core does.",
        default=None,
    )
    seed: int = parameter(as_seed, "Of clips and weights.", default=0, in_python="0 to 2^32 - 1.")
    folder: PathArgument | None = parameter(
        as_optional_path, "Where cores are built, and kept; by default in a folder that goes again.", default=None
    )


@taking(Checking)
def check_core(asked: Checking) -> CheckResult:
    """Run ``layers`` of a workload on the core of an accelerator, as ``lw3dsim rtl check`` does.

    Those that the core does not do are ``refused``. Raises InputError.
    """
    from lw3dsim.base.parameters import checked_values
    from lw3dsim.network.pipeline import prepare
    from lw3dsim.rtl.check import check_prepared

    given = checked_values(asked)
    request = make_request(given["workload"], given["run"])
    return check_prepared(prepare(request), given["layers"], given["seed"], given["folder"])
