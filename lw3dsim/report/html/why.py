"""Why the largest part of a whole is so large: a sentence with this run's figures, and where documents tell more."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.account.binding import REMEDIES, remedy
from lw3dsim.report.html.figures import STYLES
from lw3dsim.report.html.markup import number, share_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lw3dsim.result.records import Layer, RunRecord


class Why(NamedTuple):
    """A sentence, and the page and section of the documents that say more."""

    sentence: str
    page: str


# The section that explains a cause of cycles or a component, where the page of its whole is not enough.
PAGES = {
    "multiply": "docs/microarchitecture.md, Wave",
    "idle_rows": "docs/microarchitecture.md, Array",
    "idle_lanes": "docs/microarchitecture.md, Wave",
    "idle_multipliers": "docs/microarchitecture.md, Wave",
    "sram_port": "docs/microarchitecture.md, Words",
    "vector": "docs/microarchitecture.md, Vector unit",
    "accumulators": "docs/energy.md, Structures",
    "staging": "docs/microarchitecture.md, Staging",
    "multipliers": "docs/energy.md, Arithmetic",
    "ifmap_sram": "docs/energy.md, SRAM",
    "weight_sram": "docs/energy.md, SRAM",
    "ofmap_sram": "docs/energy.md, SRAM",
}


def why_cycles(record: RunRecord) -> Why:
    """Say what the largest cause of cycles is, in which layers, and what would help."""
    cause, cycles = _largest(record.cycles_breakdown.parts())
    layers = _most(record, lambda layer: layer.cycles_breakdown[cause], cycles)
    helps = remedy(cause, record.config.arch) if cause in REMEDIES or cause.startswith("idle") else ""
    sentence = f"{_capital(STYLES[cause].label)} is most in {layers}" + (f"; what helps: {helps}." if helps else ".")
    return Why(sentence, PAGES.get(cause, "docs/timing.md, Where cycles go"))


def why_energy(record: RunRecord) -> Why:
    """Say what the largest component of energy counts, and where it is spent."""
    component, energy = _largest(record.energy_breakdown_pj.parts())
    layers = _most(record, lambda layer: layer.energy_breakdown_pj[component], energy)
    if component.startswith("dram"):
        again = record.totals.dram_bytes / record.totals.compulsory_bytes
        sentence = (
            f"Bytes that cross the chip's edge cost most, in {layers}; {again:.2f} x what is compulsory is moved."
        )
        return Why(sentence, "docs/dram.md, Energy")
    if component == "accumulators":
        pe = record.config.arch.pe
        sentence = (
            f"Every product is added up: a read, an addition and a write in a bank of {pe.acc_depth}; most in {layers}."
        )
        return Why(sentence, PAGES[component])
    sentence = f"{_capital(STYLES[component].label)}: most in {layers}."
    return Why(sentence, PAGES.get(component, "docs/energy.md, Counted"))


def why_traffic(record: RunRecord) -> Why:
    """Say which layers move most of the tensor that is moved most."""
    tensor, moved = _largest(record.dram_bytes_breakdown.parts())
    layers = _most(record, lambda layer: layer.dram_bytes_breakdown[tensor], moved)
    fused = "; fusion would keep tensors on chip" if record.config.fusion == "off" and tensor != "weight" else ""
    return Why(f"{_capital(tensor)} tiles are moved most, for {layers}{fused}.", "docs/layout.md, What is counted")


def why_area(record: RunRecord) -> Why:
    """Say what the largest component of the chip is made of."""
    component, _ = _largest(record.area_breakdown_mm2.parts())
    arch = record.config.arch
    pe = arch.pe
    many = f"{arch.multipliers:,}"
    said = {
        "accumulators": f"{many} multipliers with 2 banks of {pe.acc_depth} accumulators each (pe.acc_depth), so that "
        "one drains while the other adds up.",
        "staging": f"two sets of files for inputs and weights in front of {many} multipliers, and the selectors.",
        "multipliers": f"{many} multipliers, as wide as the widest operands that any layer's algorithm needs.",
    }
    text = said.get(component, "sized by the accelerator file and by what the layers of this run need.")
    return Why(f"{_capital(STYLES[component].label)}: {text}", PAGES.get(component, "docs/energy.md, Area"))


def _largest(parts: Mapping[str, float]) -> tuple[str, float]:
    return max(parts.items(), key=lambda item: item[1])


def _most(record: RunRecord, of: Callable[[Layer], float], whole: float, named: int = 2) -> str:
    """Return the layers that have most of ``whole``, with their shares."""
    ranked: list[tuple[float, Layer]] = sorted(((of(layer), layer) for layer in record.layers), key=lambda one: -one[0])
    shown = [f"{layer.name} ({share_text(value / whole)})" for value, layer in ranked[:named] if value]
    return " and ".join(shown)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def verdict(record: RunRecord) -> list[tuple[str, str]]:
    """Return the verdict on a run in pieces: text, and what of it is stressed."""
    totals = record.totals
    cause, cycles = _largest(record.cycles_breakdown.parts())
    dram = sum(value for key, value in record.energy_breakdown_pj.items() if key.startswith("dram"))
    chip = totals.energy_pj - dram
    place, energy = ("DRAM", dram) if dram > chip else ("the chip itself", chip)
    longest = max(record.layers, key=lambda layer: layer.latency_cycles)
    does = {
        "multiply": "the array multiplies",
        "vector": "the vector unit works",
        "dram_read": "the array waits for tiles from DRAM",
        "dram_write": "the array waits for stores to DRAM",
        "drain": "sums leave the accumulators",
        "sram_port": "the array waits for an SRAM port",
        "transform": "the array waits for a transform unit",
    }.get(cause, f"goes to {STYLES[cause].label}")
    clips = f"A batch of {record.config.batch} clips" if record.config.batch > 1 else "One clip"
    return [
        (f"{clips} takes ", f"{number(totals.latency_ms)} ms"),
        (" and ", f"{number(totals.energy_pj * 1e-9)} mJ"),
        (": ", f"{share_text(cycles / totals.latency_cycles)} of the time"),
        (f" {does}, ", f"{share_text(energy / totals.energy_pj)} of the energy"),
        (f" goes to {place}; the longest layer, {longest.name}, has ", ""),
        ("", f"{share_text(longest.latency_cycles / totals.latency_cycles)} of the time"),
        (".", ""),
    ]
