"""The figures by which cases are compared, in the order and words of the terminal and of pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.result.records import Totals


class Headline(NamedTuple):
    """A figure: its heading with the unit, the figure of the totals, and its scale and format in that unit."""

    heading: str
    of: Callable[[Totals], float]
    scale: float
    form: str

    def shown(self, totals: Totals) -> str:
        """Return the figure as text."""
        value = self.of(totals) * self.scale
        text = self.form.format(value)
        # Of what is small, digits that count rather than zeros.
        return text if value == 0 or float(text.replace(",", "")) >= 0.1 else f"{value:.3g}"


HEADLINES = (
    Headline("latency ms", lambda t: t.latency_ms, 1.0, "{:,.2f}"),
    Headline("energy mJ", lambda t: t.energy_pj, 1e-9, "{:,.2f}"),
    Headline("average power mW", lambda t: t.average_power_mw, 1.0, "{:,.0f}"),
    Headline("peak power mW", lambda t: t.peak_power_mw, 1.0, "{:,.0f}"),
    Headline("EDP mJs", lambda t: t.edp_js, 1e3, "{:,.4g}"),
    Headline("parameters M", lambda t: t.params, 1e-6, "{:,.2f}"),
    Headline("MACs G", lambda t: t.macs, 1e-9, "{:,.2f}"),
    Headline("ideal mults G", lambda t: t.ideal_mults, 1e-9, "{:,.2f}"),
    Headline("executed mults G", lambda t: t.executed_mults, 1e-9, "{:,.2f}"),
    Headline("DRAM MB", lambda t: t.dram_bytes, 1e-6, "{:,.1f}"),
    Headline("compulsory MB", lambda t: t.compulsory_bytes, 1e-6, "{:,.1f}"),
    Headline("SRAM MB", lambda t: t.sram_bytes, 1e-6, "{:,.1f}"),
    Headline("utilization %", lambda t: t.utilization, 100.0, "{:.1f}"),
    Headline("MACs/cycle", lambda t: t.effective_macs_per_cycle, 1.0, "{:.1f}"),
    Headline("clips/s", lambda t: t.clips_per_s, 1.0, "{:,.2f}"),
    Headline("area mm2", lambda t: t.area_mm2, 1.0, "{:.2f}"),
)


def ratio(value: float | None, base: float | None) -> float | None:
    """Return ``value`` over ``base``; None, rather than infinity, where there is none."""
    return value / base if value is not None and base else None
