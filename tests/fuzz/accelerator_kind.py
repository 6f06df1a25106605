"""Accelerator files: random designs, good and damaged, priced, and run on a small network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .accelerators import accelerator
from .case import Case
from .damage import text_of, yaml_bytes
from .invariants import check_execution, check_map, check_same, owe
from .networks import network
from .options import run_words
from .workload_kind import NAME, is_short, is_small, simulated

if TYPE_CHECKING:
    from random import Random

    from .session import Session

ARCH = "arch.yaml"
ACTS = ("simulate", "simulate", "engines", "execute", "map", "explain")


def make(rng: Random) -> Case:
    """Draw a design, and a good network to run on it."""
    content, damaged = yaml_bytes(rng, accelerator(rng), share=0.5)
    net = text_of(network(rng, most=3, widest=12)).encode()
    words = run_words(rng, arch=False)
    return Case(files={ARCH: content, NAME: net}, plan=(rng.choice(ACTS), *words), damaged=damaged)


def run(session: Session, case: Case) -> None:
    """Price the design; where that is granted, run the network on it."""
    act, *words = case.plan
    priced = session.json("energy", "--arch", ARCH, names=(ARCH,))
    if priced is None:
        owe(case.damaged, "a good design is taken", session.log[-1])
        return
    for row in priced["unit_costs"]:
        numbers = [item for item in row.values() if isinstance(item, int | float)]
        owe(min(numbers, default=0) >= 0, "no unit cost is negative", row)
    shown = session.json("show", NAME)
    if shown is None or not is_small(shown, 0.1):
        return
    words = [NAME, "--arch", ARCH, *words]
    if act == "map":
        data = session.json("map", *words)
        if data is not None:
            check_map(data)
    elif act == "execute":
        data = session.json("execute", *words)
        if data is not None:
            check_execution(data)
    elif act == "explain":
        session.json("explain", *words)
    else:
        first = simulated(session, *words, "--engine", "fast")
        if act == "engines" and first is not None and is_short(first):
            second = simulated(session, *words, "--engine", "simpy")
            check_same(first, second or {}, "both engines give the same")
