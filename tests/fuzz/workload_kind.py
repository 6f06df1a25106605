"""Workload files: random networks, good and damaged, shown, mapped, simulated, executed, compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .case import Case
from .damage import yaml_bytes
from .invariants import check_execution, check_map, check_result, check_same, owe
from .networks import network
from .options import run_words

if TYPE_CHECKING:
    from random import Random

    from .session import Session

NAME = "net.yaml"
ACTS = ("simulate", "simulate", "simulate", "engines", "execute", "map", "out", "compare", "clips", "csv")
# Above, an input is only looked at.
MOST_MACS = 20_000_000
MOST_ELEMENTS = 2_000_000
MOST_LAYERS = 40


def make(rng: Random) -> Case:
    """Draw a network and what to do with it."""
    content, damaged = yaml_bytes(rng, network(rng))
    return Case(files={NAME: content}, plan=(rng.choice(ACTS), *run_words(rng)), damaged=damaged)


def is_small(shown: dict[str, Any], most: float = 1.0) -> bool:
    """Return whether what ``show`` printed can be simulated in a moment."""
    layers, totals = shown["layers"], shown["totals"]
    elements = sum(_elements(layer["output_shape"]) for layer in layers)
    is_short = len(layers) <= MOST_LAYERS * most
    return is_short and totals["macs"] <= MOST_MACS * most and elements + totals["params"] <= MOST_ELEMENTS * most


def is_short(data: dict[str, Any]) -> bool:
    """Return whether the readable engine simulates a result again in a moment."""
    totals = data["totals"]
    return bool(totals["steps"] < 10_000 and totals["dram_refreshes"] < 20_000)


def _elements(shape: str) -> int:
    product = 1
    for part in shape.split("x"):
        product *= int(part)
    return product


def run(session: Session, case: Case) -> None:
    """Show the network; where that is granted and it is small, do what the plan says."""
    act, *words = case.plan
    names = (NAME,) if case.damaged else ()
    shown = session.json("show", NAME, *_shown_words(words), names=names)
    if shown is None:
        owe(case.damaged, "a good network is taken", session.log[-1])
        return
    check_shown(shown)
    if is_small(shown, 0.1 if act == "execute" else 1.0):
        DO[act](session, words)


def _shown_words(words: list[str]) -> list[str]:
    pairs = zip(words[::2], words[1::2], strict=True)
    return [word for pair in pairs if pair[0] in ("--transform", "--algorithm", "--m1", "--m2") for word in pair]


def check_shown(shown: dict[str, Any]) -> None:
    """Check that the totals of a network are those of its layers."""
    for key, total in shown["totals"].items():
        if isinstance(total, int) and key in shown["layers"][0]:
            owe(sum(layer[key] for layer in shown["layers"]) == total, "totals shown are the sum of layers", key)


def simulated(session: Session, *args: str) -> dict[str, Any] | None:
    """Simulate and check the result; None where a design has no room."""
    data: dict[str, Any] | None = session.json("simulate", *args)
    if data is not None:
        check_result(data)
    return data


def _simulate(session: Session, words: list[str]) -> None:
    simulated(session, NAME, *words)


def _engines(session: Session, words: list[str]) -> None:
    first = simulated(session, NAME, *words, "--engine", "fast")
    if first is not None and is_short(first):
        second = simulated(session, NAME, *words, "--engine", "simpy")
        check_same(first, second or {}, "both engines give the same")


def _execute(session: Session, words: list[str]) -> None:
    data = session.json("execute", NAME, *words, "--seed", "7")
    if data is not None:
        check_execution(data)


def _map(session: Session, words: list[str]) -> None:
    data = session.json("map", NAME, *words, "--save", "saved.yaml", writes=("saved.yaml",))
    if data is None:
        return
    check_map(data)
    first = simulated(session, NAME, *words)
    second = simulated(session, NAME, *words, "--mapping", "saved.yaml")
    for result in (first or {}, second or {}):
        result.get("totals", {}).pop("least_dram_bytes", None)  # nothing is proved of what a file says
    check_same(first or {}, second or {}, "a saved mapping simulates as it was found")
    session.cli("map", NAME, *words)


def _out(session: Session, words: list[str]) -> None:
    if session.cli("simulate", NAME, *words, "--out", "out", writes=("out",)).code == 0:
        page = Path("out/report.html").read_bytes()
        names = sorted(path.name for path in Path("out").iterdir())
        owe(
            names == ["accesses.csv", "closeups.json", "energy.csv", "layers.csv", "report.html", "result.json"],
            "an output folder holds six files",
            names,
        )
        outcome = session.cli("report", "out", "--out", "again.html", writes=("again.html",))
        owe(outcome.code == 0, "a result can be reported", outcome.err)
        owe(Path("again.html").read_bytes() == page, "report makes the same page again")


def _compare(session: Session, words: list[str]) -> None:
    cases = ["--case", "plain:", "--case", "other: " + " ".join(words)]
    data = session.json("compare", NAME, *cases, "--html", "page.html", writes=("page.html",))
    for part in data["cases"] if data else ():
        check_result(part["result"])


def _clips(session: Session, words: list[str]) -> None:
    simulated(session, NAME, *words, "--clips", "3")


def _csv(session: Session, words: list[str]) -> None:
    for form in ("csv", "table"):
        session.cli("simulate", NAME, *words, "--format", form)


DO = {
    "simulate": _simulate, "engines": _engines, "execute": _execute, "map": _map, "out": _out, "compare": _compare,
    "clips": _clips, "csv": _csv,
}  # fmt: skip
