"""The public verbs, and the result that a user holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.arguments import as_members, as_path, check_callback
from lw3dsim.base.values import replace
from lw3dsim.comparison.compare import Comparison as Compared
from lw3dsim.comparison.compare import compare as compare_cases
from lw3dsim.network.pipeline import prepare, simulate_prepared
from lw3dsim.network.request import DEFAULT_ARCH, make_request
from lw3dsim.result import saved
from lw3dsim.result.result import Result as Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lw3dsim.arguments import OverridesArgument, PathArgument, SizeArgument
    from lw3dsim.comparison.compare import Case
    from lw3dsim.comparison.explain import Explanation
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.mapped import Mappings
    from lw3dsim.network.objective import Objective
    from lw3dsim.result.executed import ExecutionResult
    from lw3dsim.transform.passes import TransformArgument


class Result(Record):
    """What a workload costs on an accelerator, and a page of it.

    Figures are attributes with their units in their names: ``result.totals.latency_ms``. ``layers`` and ``energy`` are
    DataFrames; ``record`` is the whole tree of frozen records, ``data`` the same as plain data.
    """

    def report(self, path: PathArgument) -> None:
        """Write a self-contained HTML page to the file ``path``. Raises InputError and OutputError."""
        from lw3dsim.report.html.page import result_page

        _write_page(path, result_page(self))


class Comparison(Compared):
    """The results of several cases of one workload, in order, and a page of them."""

    def report(self, path: PathArgument) -> None:
        """Write a self-contained HTML page that compares the cases to the file ``path``.

        Raises InputError and OutputError.
        """
        from lw3dsim.report.html.page import comparison_page

        _write_page(path, comparison_page(self))


def _write_page(path: PathArgument, page: str) -> None:
    from lw3dsim.base.forms import PAGE
    from lw3dsim.base.output import write_text

    write_text(as_path("path", path), page, PAGE)


def simulate(
    workload: PathArgument | Workload,
    arch: PathArgument | Accelerator = DEFAULT_ARCH,
    transform: TransformArgument = None,
    algorithm: str = "direct",
    m1: int | None = None,
    m2: int | None = None,
    engine: str = "auto",
    *,
    input_size: SizeArgument = None,
    classes: int | None = None,
    overrides: OverridesArgument = None,
    clips: int | None = None,
    fusion: str = "off",
    objective: Objective = "latency",
    mapping: PathArgument | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Simulate a workload on an accelerator, layer after layer.

    ``workload`` and ``arch`` are names (see ``lw3dsim list``), files, or what load_workload and load_arch return.
    ``transform`` is a pass, or several, comma-separated or in a list, each as text with its arguments,
    ``"fsb:alpha=0.5"``, or as an object, ``lw3dsim.transform.Fsb(alpha=0.5)``.
    ``algorithm`` is direct, hfa, winograd3d, nested or auto; ``m1`` and ``m2`` (1 to 8) override the accelerator's
    Winograd tiles, in outputs along time and along each side. ``engine`` is auto, fast or simpy: equal numbers.
    ``input_size`` (frames, height, width; for every input or by its name) and ``classes`` resize, and ``overrides``
    change, a workload or an accelerator that is given by name or file; see load_workload and load_arch.
    ``clips`` (1 to 1000) is how many clips to run behind each other as well, without a stop at the borders of layers.
    Mappings are chosen for the ``objective``: latency, energy, edp or dram_bytes. ``fusion`` "auto" runs neighbouring
    layers tile by tile on chip where that serves it, "off" none. What the file ``mapping`` (of ``lw3dsim map --save``)
    says is simulated as it says; the rest is mapped. ``progress(done, all)`` is called after every layer, in units of
    work (:func:`work_of`).

    Raises InputError, in one sentence and before anything is simulated, for what is wrong; and where the accelerator
    has no room for a layer.
    """
    check_callback("progress", progress, "progress(done, all)")
    request = make_request(
        workload, arch=arch, transform=transform, algorithm=algorithm, m1=m1, m2=m2, engine=engine,
        input_size=input_size, classes=classes, overrides=overrides, clips=clips, fusion=fusion, objective=objective,
        mapping=mapping,
    )  # fmt: skip
    return _held(simulate_prepared(prepare(request), progress))


def execute(
    workload: PathArgument | Workload,
    arch: PathArgument | Accelerator = DEFAULT_ARCH,
    transform: TransformArgument = None,
    algorithm: str = "direct",
    m1: int | None = None,
    m2: int | None = None,
    *,
    engine: str = "auto",
    dtype: str = "int8",
    seed: int = 0,
    input_size: SizeArgument = None,
    classes: int | None = None,
    overrides: OverridesArgument = None,
    fusion: str = "off",
    objective: Objective = "latency",
    mapping: PathArgument | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ExecutionResult:
    """Run random tensors through the mapped schedules of a network, layer after layer.

    Arguments as for ``simulate``; ``engine`` times what is mapped; ``dtype`` is int8, int16 (which
    set the operand widths of the accelerator; sums are as wide, and overflow, as its ``precision``
    says), float32 or float64; ``seed`` (0 to 2^32 - 1) makes clips and weights. Each layer is compared with a direct
    computation on the same inputs: integers in full, floats in float64. Between integer layers the vector unit
    shifts values back to the operand width. ``fusion`` "auto" and ``mapping`` execute what ``simulate`` would
    simulate; within a fused group, values are shifted as they would be layer by layer. Raises InputError.
    """
    from lw3dsim.network.execution import execute_prepared

    check_callback("progress", progress, "progress(done, all)")
    request = make_request(
        workload, arch=arch, transform=transform, algorithm=algorithm, m1=m1, m2=m2, engine=engine,
        input_size=input_size, classes=classes, overrides=overrides, fusion=fusion, objective=objective,
        mapping=mapping, dtype=dtype, seed=seed,
    )  # fmt: skip
    return execute_prepared(prepare(request), progress)


def explain(
    workload: PathArgument | Workload,
    arch: PathArgument | Accelerator = DEFAULT_ARCH,
    transform: TransformArgument = None,
    algorithm: str = "direct",
    m1: int | None = None,
    m2: int | None = None,
    *,
    input_size: SizeArgument = None,
    classes: int | None = None,
    overrides: OverridesArgument = None,
    fusion: str = "off",
    objective: Objective = "latency",
    progress: Callable[[int, int], None] | None = None,
) -> Explanation:
    """Simulate a design and its neighbours, one field changed at a time; arguments as for ``simulate``.

    Every size is doubled and halved; tiles and buffer slots go one up and down; fusion is switched.
    ``progress(done, all)`` is called after every neighbour. Raises InputError.
    """
    from lw3dsim.comparison.explain import explain_prepared

    check_callback("progress", progress, "progress(done, all)")
    request = make_request(
        workload, arch=arch, transform=transform, algorithm=algorithm, m1=m1, m2=m2, input_size=input_size,
        classes=classes, overrides=overrides, fusion=fusion, objective=objective,
    )  # fmt: skip
    explained = explain_prepared(prepare(request), progress)
    changes = [
        replace(change, result=_held(change.result)) if change.result else change for change in explained.changes
    ]
    return replace(explained, base=_held(explained.base), changes=tuple(changes))


def map_workload(
    workload: PathArgument | Workload,
    arch: PathArgument | Accelerator = DEFAULT_ARCH,
    transform: TransformArgument = None,
    algorithm: str = "direct",
    m1: int | None = None,
    m2: int | None = None,
    engine: str = "auto",
    *,
    layers: str | Sequence[str] | None = None,
    input_size: SizeArgument = None,
    classes: int | None = None,
    overrides: OverridesArgument = None,
    fusion: str = "off",
    objective: Objective = "latency",
    mapping: PathArgument | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Mappings:
    """Map every layer of a workload onto an accelerator; arguments as for ``simulate``.

    With ``layers``, names of layers, only their mappings are returned, of a fused group whole. Raises InputError.
    """
    from lw3dsim.mapped import mappings_of

    check_callback("progress", progress, "progress(done, all)")
    request = make_request(
        workload, arch=arch, transform=transform, algorithm=algorithm, m1=m1, m2=m2, engine=engine,
        input_size=input_size, classes=classes, overrides=overrides, fusion=fusion, objective=objective,
        mapping=mapping,
    )  # fmt: skip
    given = [layers] if isinstance(layers, str) else [] if layers is None else layers
    names = as_members("layers", given, str, "a name of a layer, or a list of them")
    return mappings_of(prepare(request), names, progress)


def compare(
    workload: PathArgument | Workload,
    cases: Sequence[Case] | None = None,
    *,
    arch: PathArgument | Accelerator = DEFAULT_ARCH,
    progress: Callable[[str, int, int], None] | None = None,
) -> Comparison:
    """Simulate ``workload`` once per case (by default :func:`default_cases` on ``arch``).

    All cases are read and checked before the first is simulated; each has a name of its own.
    ``progress(case, done, all)`` is called after every layer. Raises InputError.
    """
    compared = compare_cases(workload, cases, arch=arch, progress=progress)
    results = tuple(map(_held, compared.results))
    return Comparison(workload=compared.workload, names=compared.names, results=results, unchanged=compared.unchanged)


def load_result(path: PathArgument) -> Result:
    """Read a result from its JSON file or the folder that holds it; raise InputError if it is none."""
    return _held(saved.load_result(path))


def _held(record: Record) -> Result:
    """Return a result of a run as its user holds it."""
    return Result(record=record.record)
