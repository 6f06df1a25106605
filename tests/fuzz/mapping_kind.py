"""Mapping files of random networks: as saved and damaged, mostly by numbers that are merely wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from .case import Case
from .damage import text_of, yaml_bytes
from .invariants import check_execution, check_map, check_same, owe
from .networks import network
from .options import run_words
from .workload_kind import NAME, is_short, is_small, simulated

if TYPE_CHECKING:
    from random import Random

    from .session import Session

MAP = "map.yaml"
ACTS = ("simulate", "engines", "execute", "map")


def make(rng: Random) -> Case:
    """Draw a network, options, and the seed of the damage; the mapping is found when the input is run."""
    net = text_of(network(rng, most=4, widest=12)).encode()
    words = run_words(rng)
    return Case(files={NAME: net}, plan=(rng.choice(ACTS), str(rng.randrange(10**9)), *words))


def run(session: Session, case: Case) -> None:
    """Save a mapping, damage it, and run what it says."""
    from .case import random_of

    act, seed, *words = case.plan
    shown = session.json("show", NAME)
    if shown is None or not is_small(shown, 0.1):
        return
    if session.cli("map", NAME, *words, "--save", MAP, writes=(MAP,)).code:
        return
    tree = yaml.safe_load(Path(MAP).read_text(encoding="utf-8"))
    content, damaged = yaml_bytes(random_of("damage", int(seed), 0), tree, share=0.85)
    if not isinstance(content, bytes):
        return
    Path(MAP).write_bytes(content)
    words += ["--mapping", MAP]
    names = (MAP, "net.yaml", "layer ")
    if act == "map":
        data = session.json("map", NAME, *words, names=names)
        if data is not None:
            check_map(data)
    elif act == "execute":
        data = session.json("execute", NAME, *words, names=names)
        if data is not None:
            check_execution(data)
    else:
        data = simulated(session, NAME, *words)
        if act == "engines" and data is not None and is_short(data):
            check_same(data, simulated(session, NAME, *words, "--engine", "simpy") or {}, "both engines give the same")
    owe(damaged or data is not None, "a saved mapping is taken", session.log[-1])
