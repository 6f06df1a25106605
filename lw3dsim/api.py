"""The public verbs, and the result that a user holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lw3dsim.arguments import as_integer, as_names, as_path, as_truth, check_callback
from lw3dsim.base.calls import strict, strict_methods
from lw3dsim.base.parameters import parameter, taking
from lw3dsim.base.values import replace
from lw3dsim.comparison.compare import Comparison as Compared
from lw3dsim.comparison.compare import compare as compare_cases
from lw3dsim.comparison.explain import Explanation as Explained
from lw3dsim.comparison.explain import explain_prepared
from lw3dsim.describe.weights import bare
from lw3dsim.network.pipeline import prepare, simulate_prepared
from lw3dsim.network.request import (
    DEFAULT_ARCH,
    DEFAULT_SLICES,
    SLICES,
    Clips,
    Design,
    Examples,
    Judged,
    Run,
    Subject,
    Tensors,
    given_network,
    make_request,
)
from lw3dsim.result import saved
from lw3dsim.result.result import Result as Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

    from lw3dsim.arguments import PathArgument
    from lw3dsim.comparison.compare import Case
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.mapped import Mappings
    from lw3dsim.network.pipeline import Prepared
    from lw3dsim.report.plots import ComparisonPlots, ResultPlots
    from lw3dsim.result.executed import ExecutionResult
    from lw3dsim.result.records import RunRecord
    from lw3dsim.traced import Traced


@strict_methods
class Result(Record):
    """What a workload costs on an accelerator, and a page of it.

    Figures are attributes with their units in their names: ``result.totals.latency_ms``. ``layers`` and ``energy`` are
    DataFrames; ``record`` is the whole tree of frozen records, ``data`` the same as plain data.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """Return what ran, what it costs and what binds it: a line each."""
        from lw3dsim.report.gist import result_lines

        return "\n".join(result_lines(self.record))

    def _repr_html_(self) -> str:
        from lw3dsim.report.gist import result_element

        return result_element(self.record)

    @property
    def plot(self) -> ResultPlots:
        """The figures of the page as Plotly's: ``result.plot.energy()``, ``cycles(by_layer=True)``, ``roofline()``."""
        from lw3dsim.report.plots import ResultPlots

        return ResultPlots(self)

    def report(self, path: PathArgument) -> None:
        """Write a self-contained HTML page to the file ``path``. Raises InputError and OutputError."""
        from lw3dsim.report.html.page import result_page

        _write_page(path, result_page(self))


@strict_methods
class Comparison(Compared):
    """The results of several cases of one workload, in order, and a page of them."""

    def __repr__(self) -> str:
        """Return what was compared, and a line per case."""
        from lw3dsim.report.gist import comparison_lines

        return "\n".join(comparison_lines(self.workload, self.names, self._records))

    def _repr_html_(self) -> str:
        from lw3dsim.report.gist import comparison_element

        return comparison_element(self.workload, self.names, self._records)

    @property
    def plot(self) -> ComparisonPlots:
        """The figures of the page as Plotly's: ``comparison.plot.energy()``, ``cycles()``, ``dram()``."""
        from lw3dsim.report.plots import ComparisonPlots

        return ComparisonPlots(self.names, self.results)

    @property
    def _records(self) -> list[RunRecord]:
        return [result.record for result in self.results]

    def report(self, path: PathArgument) -> None:
        """Write a self-contained HTML page that compares the cases to the file ``path``.

        Raises InputError and OutputError.
        """
        from lw3dsim.report.html.comparison import comparison_page

        _write_page(path, comparison_page(self))


class Explanation(Explained):
    """What binds a design, and what a step of each resource would buy; shows itself in sentences and as a table."""

    def __repr__(self) -> str:
        """Return what binds the design, and the steps that shorten it most: a line each."""
        from lw3dsim.report.gist import explanation_lines

        return "\n".join(explanation_lines(self))

    def _repr_html_(self) -> str:
        from lw3dsim.report.gist import explanation_element

        return explanation_element(self)


def _write_page(path: PathArgument, page: str) -> None:
    from lw3dsim.base.forms import PAGE
    from lw3dsim.base.output import write_text

    write_text(as_path("path", path), page, PAGE)


class Watched(Subject, Examples):
    """A run of a network that tells how far it is."""

    progress: Callable[[int, int], None] | None = parameter(
        lambda name, value: check_callback(name, value, "progress(done, all)"),
        "Called as progress(done, all) after every layer (of explain: every neighbour), in units of work (work_of).",
        default=None,
    )


class Simulation(Run, Clips, Judged, Watched):
    """Arguments of :func:`simulate`."""


class Execution(Run, Clips, Tensors, Watched):
    """Arguments of :func:`execute`."""


class Neighbourhood(Design, Watched):
    """Arguments of :func:`explain`."""


class Layers(Run, Watched):
    """Arguments of :func:`map_workload`."""

    layers: str | Sequence[str] | None = parameter(
        as_names,
        "Names of the layers whose mappings are returned, of a fused group whole; by default all.",
        default=None,
    )


class Tracing(Run, Watched):
    """Arguments of :func:`trace`."""

    out: PathArgument = parameter(as_path, "The file to write: its name ends with .json or .json.gz.")
    layers: str | Sequence[str] | None = parameter(
        as_names, "Names of the layers to show, of a fused group whole; by default all.", default=None
    )
    slices: int = parameter(
        lambda name, value: as_integer(name, value, *SLICES),
        "About how many slices the file may have; of longer runs, several steps are one.",
        default=DEFAULT_SLICES,
    )
    banks: bool = parameter(as_truth, "Whether every bank of the DRAM has a track, too.", default=False)


@taking(Simulation)
def simulate(asked: Simulation) -> Result:
    """Simulate a workload on an accelerator, layer after layer.

    Raises InputError, in one sentence and before anything is simulated, for what is wrong; and where the accelerator
    has no room for a layer.
    """
    from lw3dsim.closeups import closeups_of

    prepared = _prepared(asked)
    result = simulate_prepared(prepared, asked.progress)
    return Result(record=result, closeups=lambda: closeups_of(prepared))


@taking(Execution)
def execute(asked: Execution) -> ExecutionResult:
    """Run random tensors through the mapped schedules of a network, layer after layer.

    Each layer is compared with a direct computation on the same inputs: integers in full, floats in float64. Integers
    have the widths of the accelerator, or of the network where it says any; ``dtype`` int8 or int16 sets these. Sums
    are as wide, and overflow, as ``precision`` of the accelerator says.
    Between integer layers the vector unit shifts values back to the operand width. ``fusion`` "auto" and ``mapping``
    execute what ``simulate`` would simulate; within a fused group, values are shifted as they would be layer by layer.
    With ``clips`` several run one after another; where layers keep state (``stream_state``), the direct computation is
    that of one long clip.
    Raises InputError.
    """
    from lw3dsim.network.execution import execute_prepared

    return execute_prepared(_prepared(asked), asked.progress)


@taking(Tracing)
def trace(asked: Tracing) -> Traced:
    """Write what every unit does when to a file that Perfetto and chrome://tracing open.

    Tracks for DMA, loader, array, vector unit, drain and what the array waits for; counters for bandwidth, buffers and
    power; arrows from loads to the steps that wait for them. With ``banks`` every bank of the DRAM has a track, too.
    Raises InputError and OutputError.
    """
    from lw3dsim.traced import write_trace

    return write_trace(
        _prepared(asked),
        asked.out,
        slices=asked.slices,
        names=as_names("layers", asked.layers),
        banks=asked.banks,
        progress=asked.progress,
    )


@taking(Neighbourhood)
def explain(asked: Neighbourhood) -> Explanation:
    """Simulate a design and its neighbours, one field changed at a time.

    Every size is doubled and halved; tiles and buffer slots go one up and down; fusion is switched. Raises InputError.
    """
    explained = explain_prepared(_prepared(asked), asked.progress)
    changes = [
        replace(change, result=_held(change.result)) if change.result else change for change in explained.changes
    ]
    return Explanation(base=_held(explained.base), changes=tuple(changes))


@taking(Layers)
def map_workload(asked: Layers) -> Mappings:
    """Map every layer of a workload onto an accelerator. Raises InputError."""
    from lw3dsim.mapped import mappings_of

    return mappings_of(_prepared(asked), as_names("layers", asked.layers), asked.progress)


def _prepared(asked: Watched) -> Prepared:
    """Read what is asked for. Raises InputError."""
    return prepare(make_request(asked.workload, asked))


@strict
def compare(
    workload: PathArgument | Workload | nn.Module,
    cases: Sequence[Case] | None = None,
    *,
    arch: PathArgument | Accelerator = DEFAULT_ARCH,
    example_inputs: Any = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Comparison:
    """Simulate ``workload`` once per case (by default :func:`default_cases` on ``arch``).

    All cases are read and checked before the first is simulated; each has a name of its own.
    ``example_inputs`` are what a ``torch.nn.Module`` is called with; see :func:`simulate`.
    ``progress(case, done, all)`` is called after every layer. Raises InputError.
    """
    network = bare(given_network(workload, example_inputs))
    compared = compare_cases(network, cases, arch=arch, progress=progress)
    results = tuple(map(_held, compared.results))
    return Comparison(workload=compared.workload, names=compared.names, results=results, unchanged=compared.unchanged)


@strict
def load_result(path: PathArgument) -> Result:
    """Read a result from its JSON file or the folder that holds it; raise InputError if it is none.

    Its ``closeups`` are read when they are asked for, for a page or a timeline.
    """
    loaded = saved.load_result(path)
    return Result(record=loaded.record, closeups=lambda: loaded.closeups)


def _held(record: Record) -> Result:
    """Return a result of a run as its user holds it."""
    return Result(record=record)
