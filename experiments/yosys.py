"""The area of modules by Yosys, one by one, in the OSU cells that Debian packages (qflow-tech-osu018).

Rows of ``synthesis.csv`` are kept while text and parameters of the module, the library and the script are the same.
"""

from __future__ import annotations

import csv
import hashlib
import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

LIBRARY = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
ROWS = Path(__file__).parent / "synthesis.csv"

# A clock gate for the flip-flops of an enable: a latch, which the library gives no area, taken as a flip-flop; an AND.
GATE = "(* blackbox *) module clock_gate(input C, E, output G); endmodule"
GATED = """(* techmap_celltype = "$_DFFE_PP_" *) module gated(input C, D, E, output Q);
wire G; clock_gate gate(.C(C), .E(E), .G(G)); \\$_DFF_P_ ff(.C(G), .D(D), .Q(Q)); endmodule"""
GATE_CELLS = "DFFPOSX1", "AND2X2"

# What the areas of the simulator are made of.
UNITS = """
module unit_multiplier #(parameter int A = 8, parameter int B = 8)
    (input logic signed [A-1:0] a, input logic signed [B-1:0] b, output logic signed [A+B-1:0] y);
    assign y = a * b;
endmodule
module unit_adder #(parameter int A = 32)
    (input logic [A-1:0] a, input logic [A-1:0] b, output logic [A-1:0] y);
    assign y = a + b;
endmodule
module unit_register #(parameter int A = 8) (input logic clk, input logic [A-1:0] d, output logic [A-1:0] q);
    always_ff @(posedge clk) q <= d;
endmodule
module unit_file #(parameter int W = 32, parameter int D = 16) (input logic clk, input logic write,
    input logic [$clog2(D)-1:0] to, input logic [W-1:0] d, input logic [$clog2(D)-1:0] from, output logic [W-1:0] q);
    logic [W-1:0] held[D];
    assign q = held[from];
    always_ff @(posedge clk) if (write) held[to] <= d;
endmodule
module unit_multiplexer #(parameter int A = 8)
    (input logic which, input logic [A-1:0] a, input logic [A-1:0] b, output logic [A-1:0] y);
    assign y = which ? b : a;
endmodule
module unit_selector #(parameter int N = 64)
    (input logic [8*N-1:0] from, input logic [$clog2(N)-1:0] which, output logic [7:0] y);
    assign y = from[8*which+:8];
endmodule
"""


class Measured(NamedTuple):
    """A synthesis: area in um2, and flip-flops and clock gates in it."""

    area: float
    flip_flops: int
    gates: int


def yosys(script: str, folder: Path) -> None:
    """Run a script. Raises RuntimeError where Yosys refuses it."""
    limited = ["bash", "-c", 'ulimit -v 6000000; exec yosys -q -p "$0"', script]
    done = subprocess.run(limited, cwd=folder, check=False, capture_output=True, text=True)  # noqa: S603  # made here
    if done.returncode:
        raise RuntimeError(f"Yosys: {done.stderr.strip()[-500:]}")


@cache
def tool() -> str:
    """Return what areas hang on but for the module: the version of Yosys, the library, the script."""
    version = subprocess.run(["yosys", "-V"], capture_output=True, text=True, check=True).stdout.split()[1]  # noqa: S607
    library = hashlib.sha256(LIBRARY.read_bytes()).hexdigest()[:12]
    return f"{version} {library} {synthesis('', '')}"


def synthesis(module: str, parameters: str) -> str:
    """Return the script behind reading: a synthesis without what is instantiated, enables as clock gates."""
    chosen = f"chparam {parameters} {module}; " if parameters else ""
    return (
        f"{chosen}hierarchy -top {module}; rename -top measured; proc; memory -nomap; opt -full; "
        "synth -run coarse:; opt_dff; dfflegalize -cell $_DFF_P_ 01 -cell $_DFFE_PP_ 01; techmap -map gated.v; "
        f"opt_merge -share_all; dfflibmap -liberty {LIBRARY}; abc -liberty {LIBRARY}; opt_clean; "
        f"tee -q -o stat.txt stat -liberty {LIBRARY}"
    )


def kept_rows() -> dict[str, dict[str, str]]:
    """Return the rows that there are, by digest."""
    if not ROWS.exists():
        return {}
    with ROWS.open(newline="", encoding="utf-8") as file:
        return {row["digest"]: row for row in csv.DictReader(file)}


FIELDS = ("module", "parameters", "digest", "area_um2", "flip_flops", "gates")
SEEN: dict[str, dict[str, str]] = {}


def measure(texts: dict[str, str], module: str, parameters: dict[str, int]) -> Measured:
    """Return the area of a module by itself."""
    # Elaborated modules list what they work out for themselves, too.
    parameters = {
        name: value for name, value in parameters.items() if f"parameter int {name} " in texts[f"{module}.sv"]
    }
    said = " ".join(f"{name}={value}" for name, value in sorted(parameters.items()))
    text = texts[f"{module}.sv"]
    digest = hashlib.sha256(f"{tool()} {module} {said}  {text}".encode()).hexdigest()[:16]
    kept = kept_rows()
    if digest not in kept:
        area, flip_flops, gates = _synthesised(texts, module, parameters)
        kept[digest] = {
            "module": module, "parameters": said, "digest": digest, "area_um2": f"{area:.0f}",
            "flip_flops": str(flip_flops), "gates": str(gates),
        }  # fmt: skip
        write_rows(kept)
        print(module, said, f"{area:.0f}", flush=True)
    row = SEEN[digest] = kept[digest]
    return Measured(float(row["area_um2"]), int(row["flip_flops"]), int(row["gates"]))


def write_rows(rows: dict[str, dict[str, str]]) -> None:
    """Write rows, by module and parameters."""
    with ROWS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows.values(), key=lambda row: (row["module"], row["parameters"], row["digest"])))


def _synthesised(texts: dict[str, str], module: str, parameters: dict[str, int]) -> Measured:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name, text in {**texts, "gate.v": GATE, "gated.v": GATED}.items():
            (folder / name).write_text(text, encoding="utf-8")
        others = " ".join(name for name in texts if name != f"{module}.sv")
        values = " ".join(f"-set {name} {value}" for name, value in parameters.items())
        script = synthesis(module, values)
        yosys(f"read_verilog -sv -lib {others} gate.v; read_verilog -sv {module}.sv; {script}", folder)
        said = (folder / "stat.txt").read_text(encoding="utf-8")
    cells = {name: int(many) for name, many in re.findall(r"^ {5}(\w+) +(\d+)$", said, re.MULTILINE)}
    found = re.search(r"Chip area for .*: ([\d.]+)", said)
    gates = cells.get("clock_gate", 0)
    area = (float(found[1]) if found else 0.0) + gates * sum(map(cell_um2, GATE_CELLS))
    return Measured(area, cells.get("DFFPOSX1", 0), gates)


@cache
def cell_um2(name: str) -> float:
    """Return the area of a cell of the library."""
    found = re.search(rf"cell \({name}\) \{{.*?area : ([\d.]+);", LIBRARY.read_text(encoding="utf-8"), re.DOTALL)
    return float(found[1]) if found else 0.0


def unit(name: str, **parameters: int) -> Measured:
    """Return what a structure takes that the simulator counts."""
    texts = {f"unit_{name}.sv": next(f"module{text}" for text in UNITS.split("\nmodule") if f" unit_{name} " in text)}
    return measure(texts, f"unit_{name}", parameters)
