"""When Winograd pays, in int8: multiplications saved, additions paid, bits grown, energy per output, accuracy.

    python experiments/winograd_tradeoffs.py

Prints the tables of ``docs/winograd.md``. Energy per output is that of the
multipliers, their operand registers and accumulators, and the transforms, at
equal throughput (leakage, SRAM and DRAM left out); weights are transformed
offline. A dense layer has 64 input and 64 output channels; its input transform is
shared by the output channels, its output transform is paid once per sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lw3dsim.arithmetic.noise import sqnr_db
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.workload import Conv3d, Shape
from lw3dsim.machine.problem import Problem, make_problem
from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.transform.algorithms import candidates

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator

TILES = (1, 2, 3, 4, 6)
CHANNELS = 64
NARROW_BITS = (8, 10, 12)

KERNELS = {
    "temporal 3x1x1, 64 to 64 channels: F(m1,3)": ((3, 1, 1), 1, "hfa"),
    "depthwise 1x3x3: F(m2xm2,3x3)": ((1, 3, 3), CHANNELS, "hfa"),
    "dense 1x3x3, 64 to 64 channels: F(m2xm2,3x3)": ((1, 3, 3), 1, "hfa"),
    "dense 3x3x3, 64 to 64 channels: F(m^3,3^3)": ((3, 3, 3), 1, "winograd3d"),
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One tile size of one kernel; counts are per output (of one channel)."""

    label: str
    mults: float
    adds: float
    data_bits: int
    weight_bits: int
    energy_pj: float
    sqnr_db: tuple[float | None, ...]


def problem_of(kernel: tuple[int, int, int], groups: int, policy: str, m: int, arch: Accelerator) -> Problem:
    """Return the mapping problem of the kernel on a clip that every tile divides."""
    layer = Conv3d(
        name="x",
        inputs=("i",),
        out_channels=CHANNELS,
        kernel=kernel,
        padding=(kernel[0] // 2, kernel[1] // 2, kernel[2] // 2),
        groups=groups,
    )
    shape = Shape(CHANNELS, 12, 48, 48)
    algorithm = candidates(layer, policy if m > 1 else "direct", m, m)[0]
    return make_problem(layer, (shape,), layer.output_shape((shape,)), algorithm, arch)


def row_of(kernel: tuple[int, int, int], groups: int, policy: str, m: int) -> Row:
    """Return the costs per output of one kernel with tile size ``m`` (1 is direct)."""
    arch = load_arch("edge_base")
    tech, problem = arch.tech, problem_of(kernel, groups, policy, m, arch)
    algorithm, c = problem.algorithm, problem.c
    mults = float(algorithm.mults_per_output) * c
    shared = CHANNELS if problem.structure == "dense" else 1
    input_adds = algorithm.input_adds * c / shared / algorithm.outputs
    output_adds = algorithm.output_adds / algorithm.outputs
    register = problem.register_bits
    per_mult = (
        arithmetic(tech, "mult", "energy_pj", problem.data_bits, problem.weight_bits)
        + arithmetic(tech, "register", "energy_pj", problem.data_bits)
        + arithmetic(tech, "register", "energy_pj", problem.weight_bits)
        + arithmetic(tech, "add", "energy_pj", register)
        + 2 * arithmetic(tech, "register", "energy_pj", register)
    )
    energy = mults * per_mult + input_adds * arithmetic(tech, "add", "energy_pj", problem.data_bits)
    energy += output_adds * arithmetic(tech, "add", "energy_pj", problem.transform_bits)
    quality = []
    for bits in NARROW_BITS:
        widths = [f"precision.transformed_{operand}_bits={bits}" for operand in ("data", "weight")]
        narrow = problem_of(kernel, groups, policy, m, load_arch("edge_base", overrides=widths))
        quality.append(sqnr_db(narrow))
    return Row(
        label=algorithm.label,
        mults=mults,
        adds=input_adds + output_adds,
        data_bits=problem.data_bits,
        weight_bits=problem.weight_bits,
        energy_pj=energy,
        sqnr_db=tuple(quality),
    )


def tables() -> str:
    """Return all tables as Markdown."""
    lines = []
    heads = ["algorithm", "mults", "saved", "adds", "widths", "pJ", "vs direct"]
    heads += [f"SQNR at {bits} bits" for bits in NARROW_BITS]
    for title, (kernel, groups, policy) in KERNELS.items():
        rows = [row_of(kernel, groups, policy, m) for m in TILES]
        lines += [f"**{title}**", "", "| " + " | ".join(heads) + " |", "|---" + "|---:" * (len(heads) - 1) + "|"]
        for row in rows:
            cells = [
                row.label.split(" ", 1)[-1],
                f"{row.mults:.2f}",
                f"{rows[0].mults / row.mults:.2f}x",
                f"{row.adds:.2f}",
            ]
            cells += [f"{row.data_bits} x {row.weight_bits}", f"{row.energy_pj:.2f}"]
            cells.append(f"{row.energy_pj / rows[0].energy_pj:.2f}x")
            cells += ["exact" if value is None else f"{value:.0f} dB" for value in row.sqnr_db]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines).rstrip()


if __name__ == "__main__":
    print(tables())
