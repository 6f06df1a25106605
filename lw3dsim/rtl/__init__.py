"""RTL: the core of an accelerator in SystemVerilog, programs made from schedules, its check against the engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.network.request import Options
    from lw3dsim.result.rtl import CheckResult


def check_core(
    workload: str, run: Options, *, layers: str | Sequence[str] | None = None, seed: int = 0, folder: str | None = None
) -> CheckResult:
    """Run ``layers`` of a workload on the core of an accelerator, as ``lw3dsim rtl check`` does.

    By default all that the core does; others are ``refused``. Cores are built, and kept, in ``folder``, by default in
    one that goes again. Raises InputError.
    """
    from lw3dsim.arguments import as_names
    from lw3dsim.network.pipeline import prepare
    from lw3dsim.network.request import make_request
    from lw3dsim.rtl.check import check_prepared

    names = None if layers is None else as_names("layers", layers)
    return check_prepared(prepare(make_request(workload, run)), names, seed, folder)
