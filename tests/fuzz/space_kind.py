"""Space files: good and damaged, read, and some of their designs evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .accelerators import SHIPPED
from .case import Case
from .damage import text_of, yaml_bytes
from .invariants import owe
from .networks import network
from .options import ALGORITHMS, TRANSFORMS
from .session import Finding, Outcome, parse_json

if TYPE_CHECKING:
    from random import Random

    from .session import Session

SPACE = "space.yaml"
METRICS = (
    "latency_ms", "energy_mj", "edp_mjs", "dram_mb", "area_mm2", "sram_kib", "peak_power_mw", "average_power_mw",
    "sqnr_db", "clips_per_s", "frames_per_s",
)  # fmt: skip
PARAMETERS: dict[str, tuple[Any, ...]] = {
    "pe.rows": ([2, 4, 8], {"int": [1, 9], "step": 4}, {"log2": [1, 64]}),
    "pe.cols": ([1, 2], {"same_as": "pe.rows"}, {"int": [1, 2]}),
    "pe.mults_per_pe": ([4, 36], {"int": [1, 64], "step": 9}),
    "winograd.m1": ({"int": [1, 6]}, [1, 8]),
    "winograd.weight_transform": (["offline", "onchip"],),
    "buffers.ifmap_kib": ({"log2": [1, 128]}, [1, 16]),
    "buffers.intermediate_share": ({"float": [0, 0.9], "steps": 4}, [0, 0.5]),
    "clock_mhz": ({"float": [100, 1000], "steps": 3}, [1, 10000]),
    "dram.model": ([None, "plain", "in_order"], ["fr_fcfs"]),
    "dram.bandwidth_gbps": ({"values": [1.5, None, 10]}, {"float": [1, 20], "when": {"dram.model": "plain"}}),
    "dram.preset": (["ddr4-2400-x64", "lpddr4-3200-x32"],),
    "tech.node_nm": ([65, 45, 32, 22], {"int": [22, 65]}),
    "precision.accumulator_bits": ([16, 32], {"int": [8, 40], "step": 8}),
    "run.algorithm": (list(ALGORITHMS), ["hfa"]),
    "run.fusion": (["off", "auto"],),
    "run.objective": (["latency", "energy"],),
    "run.arch": (list(SHIPPED[:3]), ["edge_base"]),
    "run.transform": (["fsb", "trg"], ["fsb"]),
    "run.input": (["2x4x4", "4x8x8"],),
}


def make(rng: Random) -> Case:
    """Draw a space of a random network."""
    load: dict[str, Any] = {"workload": "net.yaml"}
    extra = {"transform": rng.choice(TRANSFORMS), "algorithm": rng.choice(ALGORITHMS), "weight": 2, "fusion": "auto"}
    load |= {key: item for key, item in extra.items() if rng.randrange(4) == 0}
    names = sorted(rng.sample(sorted(PARAMETERS), rng.randint(1, 5)), key=list(PARAMETERS).index)
    tree: dict[str, Any] = {
        "name": rng.choice(["small", "s", "a-b.c"]),
        "workloads": [load] * rng.choice([1, 1, 2]),
        "parameters": {name: rng.choice(PARAMETERS[name]) for name in names},
        "objectives": rng.sample(METRICS, rng.randint(1, 3)),
    }
    if rng.randrange(3) == 0:
        tree["constraints"] = {rng.choice(METRICS): {rng.choice(["min", "max"]): rng.choice([0, 0.001, 1, 100, 1e9])}}
    if rng.randrange(3) == 0:
        tree["reference"] = dict.fromkeys(tree["objectives"], rng.choice([1, 1e-9, 1e9]))
    if rng.randrange(3) == 0:
        tree |= {"arch": rng.choice(SHIPPED), "combine": rng.choice(["weighted", "worst"])}
    content, damaged = yaml_bytes(rng, _own(tree))
    net = text_of(network(rng, most=2, widest=6)).encode()
    act = "run" if rng.randrange(60) == 0 else "read"
    return Case(files={SPACE: content, "net.yaml": net}, plan=(act, str(rng.randrange(10**6))), damaged=damaged)


def _own(tree: Any) -> Any:
    """Return a deep copy, as damage changes lists in place."""
    if isinstance(tree, dict):
        return {key: _own(item) for key, item in tree.items()}
    return [_own(item) for item in tree] if isinstance(tree, list) else tree


def run(session: Session, case: Case) -> None:
    """Ask for the status of a study that is not there; evaluate two designs, or run a study of four."""
    act, seed = case.plan
    outcome = session.cli("dse", "status", SPACE, "--storage", "none.journal", names=(SPACE, "none.journal"))
    if "no study is there" not in outcome.err:
        return
    if act == "run":
        words = ("--trials", "4", "--workers", "1", "--seed", "3")
        where = ("--storage", "study.journal")
        if session.cli("dse", "run", SPACE, *where, *words, writes=("study.journal",)).code == 0:
            for verb in ("status", "front"):
                parse_json(session.cli("dse", verb, SPACE, *where, "--format", "json").out)
            session.cli("dse", "report", SPACE, *where, "--out", "page.html", writes=("page.html",))
        return
    _evaluate(session, int(seed))


def _evaluate(session: Session, seed: int) -> None:
    from lw3dsim.explore.evaluate import Evaluator

    space = session.python("load_space('space.yaml')", _scope())
    if isinstance(space, Outcome):
        raise Finding(f"the space is taken and refused: {space.err}")
    owe(space.size >= 1, "a space has designs", space.size)
    evaluator = Evaluator(space)
    for number in (seed % space.size, (seed * 7919) % space.size):
        choice = space.canonical(space.numbered(number))
        point = space.point(choice)
        owe(space.choice_of(dict(point.values)) == choice, "a design's values lead back to it", point.values)
        session.log.append(f"evaluate {point.overrides}")
        outcome = evaluator.evaluate(point)
        owe(outcome.state in ("done", "infeasible"), f"a design is evaluated ({outcome.reason})", point.values)
        for name, metric in outcome.metrics.items():
            owe(0 <= metric < 1e300, "metrics are finite and positive", name, metric)
        session.log.append(space.command(point))


def _scope() -> dict[str, Any]:
    from lw3dsim.explore.space_file import load_space

    return {"load_space": load_space, "Path": Path}
