"""The figures by which cases are compared, in the order and words of the terminal and of pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Headline(NamedTuple):
    """A figure: its heading with the unit, the totals that it sums, and their scale and format in that unit."""

    heading: str
    keys: tuple[str, ...]
    scale: float
    form: str

    def value(self, totals: Mapping[str, Any]) -> float:
        """Return the figure in the unit of the totals."""
        return float(sum(totals[key] for key in self.keys))

    def shown(self, totals: Mapping[str, Any]) -> str:
        """Return the figure as text."""
        value = self.value(totals) * self.scale
        text = self.form.format(value)
        # Of what is small, digits that count rather than zeros.
        return text if value == 0 or float(text.replace(",", "")) >= 0.1 else f"{value:.3g}"


HEADLINES = (
    Headline("latency ms", ("latency_ms",), 1.0, "{:,.2f}"),
    Headline("energy mJ", ("energy_pj",), 1e-9, "{:,.2f}"),
    Headline("average power mW", ("average_power_mw",), 1.0, "{:,.0f}"),
    Headline("peak power mW", ("peak_power_mw",), 1.0, "{:,.0f}"),
    Headline("EDP mJs", ("edp_js",), 1e3, "{:,.4g}"),
    Headline("parameters M", ("params",), 1e-6, "{:,.2f}"),
    Headline("MACs G", ("macs",), 1e-9, "{:,.2f}"),
    Headline("ideal mults G", ("ideal_mults",), 1e-9, "{:,.2f}"),
    Headline("executed mults G", ("executed_mults",), 1e-9, "{:,.2f}"),
    Headline("DRAM MB", ("dram_read_bytes", "dram_write_bytes"), 1e-6, "{:,.1f}"),
    Headline("compulsory MB", ("compulsory_bytes",), 1e-6, "{:,.1f}"),
    Headline("SRAM MB", ("sram_read_bytes", "sram_write_bytes"), 1e-6, "{:,.1f}"),
    Headline("utilization %", ("utilization",), 100.0, "{:.1f}"),
    Headline("MACs/cycle", ("effective_macs_per_cycle",), 1.0, "{:.1f}"),
    Headline("clips/s", ("clips_per_s",), 1.0, "{:,.2f}"),
    Headline("area mm2", ("area_mm2",), 1.0, "{:.2f}"),
)


def ratio(value: float | None, base: float | None) -> float | None:
    """Return ``value`` over ``base``; None, rather than infinity, where there is none."""
    return value / base if value is not None and base else None
