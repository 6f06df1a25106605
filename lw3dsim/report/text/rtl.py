"""The table of ``lw3dsim rtl check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.report.terminal import Part, Table, figures, name, words

if TYPE_CHECKING:
    from lw3dsim.result.rtl import CheckResult


def check_tables(result: CheckResult) -> list[Part]:
    """Return the table of a check, and what differs."""
    rows = [
        (
            layer.name,
            layer.algorithm,
            "yes" if layer.equal else "no",
            f"{layer.steps:,}",
            f"{layer.drained_cycles:,}",
            f"{layer.core_cycles:,}",
            f"{layer.outputs:,}",
            f"{layer.port_words:,}",
            f"{layer.products:,}",
        )
        for layer in result.layers
    ]
    table = Table(
        title=f"{result.workload} on {result.arch}: cycles, simulated and in Verilog",
        columns=(
            name("layer", 16),
            name("algorithm", 16),
            *words("equal"),
            *figures("steps", "simulated", "in Verilog", "outputs", "port words", "products"),
        ),
        rows=rows,
        importance=("equal", "simulated", "in Verilog", "steps", "outputs", "products", "port words", "algorithm"),
    )
    differences = [f"{layer.name}: {text}" for layer in result.layers for text in layer.differences]
    equal = sum(layer.equal for layer in result.layers)
    refused = [f"not run: {text}" for text in result.refused]
    return [
        table,
        *differences,
        *refused,
        f"{equal} of {len(result.layers)} layers equal the simulator in every cycle and value",
    ]
