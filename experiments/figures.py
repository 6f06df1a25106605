"""Write what every figure of a result means, from its records: ``python experiments/figures.py > docs/figures.md``."""

from __future__ import annotations

from lw3dsim.account.accesses import Access, Reuse
from lw3dsim.account.area import AreaBreakdown
from lw3dsim.account.energy import ByComponent, EnergyCauses
from lw3dsim.account.events import DramBytesBreakdown
from lw3dsim.base.records import Record, described, summed_fields, unit_of
from lw3dsim.engine.causes import CyclesBreakdown
from lw3dsim.result.executed import ExecutedLayer, ExecutionResult
from lw3dsim.result.records import IDENTITY, Figures, Layer, Totals

HEAD = """# Figures

What the figures of a result mean: attributes of `result.totals` and of each of `result.record.layers`, keys of
`result.json`, columns of `layers.csv`. A figure of the network that is marked + is the sum of its layers'. Breakdowns
sum to the figure that they break down, exactly where they count.

<!-- made by experiments/figures.py -->
"""


def table(kind: type[Record], names: tuple[str, ...] = (), unit: str = "") -> list[str]:
    """Return the rows of a table of figures, of those ``names`` where some are given."""
    summed = summed_fields(kind)
    about = {name: words for name, words in described(kind).items() if words and (not names or name in names)}
    rows = [
        f"| `{name}` | {unit or unit_of(name)} | {'+' if name in summed else ''} | {words} |"
        for name, words in about.items()
    ]
    return ["| figure | unit | | |", "|---|---|---|---|", *rows, ""]


def page() -> str:
    """Return the whole page."""
    own = tuple(name for name in Layer.order() if name not in Figures.order())
    network = tuple(name for name in Totals.order() if name not in Figures.order())
    sections = {
        "The network, and every layer": table(Figures),
        "The network alone": table(Totals, network),
        "A layer alone": table(Layer, (*IDENTITY, *own)),
        "Cycles by cause (`cycles_breakdown`)": table(CyclesBreakdown, unit="cycles"),
        "Energy by component (`energy_breakdown_pj`)": table(ByComponent, unit="pJ"),
        "Energy of a component by cause (`energy_causes_pj`), beside the causes of cycles": table(
            EnergyCauses, unit="pJ"
        ),
        "DRAM bytes by tensor (`dram_bytes_breakdown`)": table(DramBytesBreakdown, unit="bytes"),
        "Area by component (`area_breakdown_mm2`)": table(AreaBreakdown, unit="mm2"),
        "Accesses (`accesses`, of every layer; rows of `accesses.csv`)": table(Access),
        "Reuse (`reuse`, of every layer)": table(Reuse),
        "An execution": table(ExecutionResult),
        "An executed layer": table(ExecutedLayer),
    }
    return "\n".join([HEAD, *(line for title, rows in sections.items() for line in (f"## {title}", "", *rows))])


if __name__ == "__main__":
    print(page(), end="")
