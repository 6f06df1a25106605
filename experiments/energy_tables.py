"""The tables of ``docs/energy.md``: unit values of both families, what they do to Winograd, Eyeriss's relative costs.

python experiments/energy_tables.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim import load_arch, simulate
from lw3dsim.account.dram import DRAM_COMPONENTS, dram_energy_pj
from lw3dsim.describe.accelerator import Tech
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.dram.power import DramCounts
from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.technology.sram import buffers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.result.result import Result

FAMILIES = ("horowitz", "aladdin")

# Component groups, in the order of the tables.
GROUPS = {
    "multipliers": ("multipliers",),
    "registers": ("accumulators", "operand_registers", "staging"),
    "collector": ("collector",),
    "transforms": ("input_transform", "weight_transform", "output_transform"),
    "vector": ("vector",),
    "SRAM": ("ifmap_sram", "weight_sram", "ofmap_sram"),
    "DRAM": DRAM_COMPONENTS,
    "clock, wires": ("clock", "wires", "control"),
    "leakage": ("leakage",),
}

# Energy of an access relative to a 16-bit MAC: Chen, Emer, Sze, "Eyeriss", ISCA 2016, 65 nm.
PUBLISHED = {"MAC": 1.0, "register file": 1.0, "inter-PE": 2.0, "global buffer": 6.0, "DRAM": 200.0}

LAYERS = ("conv1a", "conv2a", "conv3b", "conv4b", "conv5b", "fc6")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table, all columns but the first aligned right."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def grouped(parts: dict[str, float]) -> dict[str, float]:
    """Return energy by group."""
    return {group: sum(parts[name] for name in names) for group, names in GROUPS.items()}


def unit_table() -> list[str]:
    """Return unit energies at 45 nm by family."""
    rows = []
    for label, operation, bits in (
        ("8-bit addition", "add", (8,)),
        ("32-bit addition", "add", (32,)),
        ("8 x 8 multiplication", "mult", (8, 8)),
        ("15 x 14 multiplication, as of F(4x4,3x3)", "mult", (15, 14)),
        ("16 x 16 multiplication", "mult", (16, 16)),
        ("32 x 32 multiplication", "mult", (32, 32)),
        ("8-bit register access", "register", (8,)),
    ):
        first, second = (arithmetic(Tech(arithmetic=family), operation, "energy_pj", *bits) for family in FAMILIES)
        rows.append([label, f"{first:.3f}", f"{second:.3f}", f"{second / first:.1f}x"])
    return table(["pJ at 45 nm", "Horowitz", "Aladdin", "ratio"], rows)


def family_table() -> list[str]:
    """Return the energy of C3D's FSB form, direct and with hFA, by family and group."""
    runs = [(family, algorithm, fsb_run(family, algorithm)) for family in FAMILIES for algorithm in ("direct", "hfa")]
    parts = [grouped(result.energy_breakdown_pj) for _, _, result in runs]
    rows = [[group, *(f"{part[group] * 1e-9:.2f}" for part in parts)] for group in GROUPS]
    totals = [result.totals.energy_pj for _, _, result in runs]
    rows.append(["**total**", *(f"{total * 1e-9:.2f}" for total in totals)])
    rows.append(["hFA over direct", "", f"{totals[1] / totals[0]:.3f}x", "", f"{totals[3] / totals[2]:.3f}x"])
    return table(["mJ", *(f"{family}, {algorithm}" for family, algorithm, _ in runs)], rows)


def fsb_run(family: str, algorithm: str) -> Result:
    """Simulate C3D's FSB form on the base design."""
    return simulate("c3d", transform="fsb_c3d", algorithm=algorithm, overrides=[f"tech.arithmetic={family}"])


def stream_pj_per_bit(arch: Accelerator) -> float:
    """Return the energy of a bit of a row read as a whole: activate, bursts, interface; no refresh, no standby."""
    dram = make_clocks(arch).dram
    bursts = dram.standard.columns // dram.standard.burst_length
    row = DramCounts(reads=bursts, writes=0, activates=1, precharges=1, refreshes=0, active_clocks=0, idle_clocks=0)
    return sum(dram_energy_pj(dram, row).values()) / (8 * bursts * dram.standard.burst_bytes)


def relative_table() -> list[str]:
    """Return the cost of moving 16 bits over that of a 16-bit MAC, on ``eyeriss_like``."""
    arch = load_arch("eyeriss_like")
    word = arch.precision.activation_bits
    columns = []
    for family in FAMILIES:
        tech = Tech(node_nm=65, arithmetic=family)
        mac = arithmetic(tech, "mult", "energy_pj", word, word) + arithmetic(tech, "add", "energy_pj", 2 * word)
        columns.append(
            {
                "MAC": mac,
                "register file": arithmetic(tech, "register", "energy_pj", word),
                "global buffer": buffers(arch)["ifmap"].read_pj_per_byte * word / 8,
                "DRAM": stream_pj_per_bit(arch) * word,
            }
        )
    rows = []
    for name, published in PUBLISHED.items():
        ours = [f"{c[name]:.3g} pJ = {c[name] / c['MAC']:.3g}" if name in c else "not modelled" for c in columns]
        rows.append([name, f"{published:g}", *ours])
    return table(["16 bits, 65 nm", "published", *FAMILIES], rows)


def layer_table() -> list[str]:
    """Return pJ per MAC of layers of C3D, direct, on ``eyeriss_like``, by group, with Horowitz's arithmetic."""
    result = simulate("c3d", arch="eyeriss_like")
    shown = [layer for layer in result.record.layers if layer.name in LAYERS]
    rows = []
    for layer in shown:
        parts = grouped(layer.energy_breakdown_pj)
        shares = [f"{parts[group] / layer.macs:.2f}" for group in GROUPS]
        rows.append([layer.name, f"{layer.energy_pj * 1e-9:.2f}", *shares])
    return table(["C3D, direct", "mJ", *(f"{group}, pJ/MAC" for group in GROUPS)], rows)


def tables() -> dict[str, str]:
    """Return every table by its name in the document."""
    made = {"units": unit_table, "families": family_table, "relative": relative_table, "layers": layer_table}
    return {name: "\n".join(make()).rstrip() for name, make in made.items()}


if __name__ == "__main__":
    print("\n\n".join(tables().values()))
