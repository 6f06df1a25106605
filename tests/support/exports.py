"""Cores as they are exported, and what Verilator and Yosys find in them."""

from __future__ import annotations

import subprocess

from lw3dsim import load_arch
from lw3dsim.network.pipeline import prepare
from lw3dsim.network.request import Options, make_request
from lw3dsim.rtl.export import MACROS, export_core, top_name


def exported(name, folder, changes=()):
    """Write the core of an accelerator into a folder; return the name of its top."""
    design = load_arch(name, overrides=list(changes))
    export_core(design, str(folder), None)
    return top_name(design)


def with_groups(name, changes=()):
    """Return a network that is fused on an accelerator."""
    options = Options(arch=name, overrides=tuple(changes), transform=("fsb",), algorithm="hfa", fusion="auto")
    return prepare(make_request("c3d_small", options))


def exported_with_groups(name, folder):
    """Write a core with programs of a network, fused; return its top, and whether there are groups."""
    prepared = with_groups(name)
    export_core(prepared.design, str(folder), prepared)
    return top_name(prepared.design), any("+" in path.name for path in (folder / "programs").iterdir())


def modules(folder):
    """Return the files of a core without its test bench."""
    return sorted(path for path in folder.glob("*.sv") if path.stem != "lw_bench")


def linted(folder, top, parameters=()):
    """Return what Verilator finds in the modules of a folder."""
    given = [f"-G{name}={value}" for name, value in dict(parameters).items()]
    lint = ["verilator", "--lint-only", "-Wall", "--top-module", top, *given, *map(str, modules(folder))]
    return subprocess.run(lint, capture_output=True, text=True, check=False).stderr


def unsynthesizable(folder, top):
    """Return what keeps a core from gates: what Yosys does not read or elaborate, loops, latches, several drivers."""
    read = " ".join(path.name for path in modules(folder) if path.name not in MACROS)
    script = (
        f"read_verilog -sv {read}; read_verilog -sv -lib {' '.join(MACROS)}; hierarchy -check -top {top}; "
        "proc; check -assert; select -assert-none t:$dlatch t:$adlatch t:$dlatchsr"
    )
    done = subprocess.run(["yosys", "-q", "-p", script], cwd=folder, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""
