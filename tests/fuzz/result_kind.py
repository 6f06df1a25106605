"""Saved results: good ones and damaged ones, given to ``report``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .case import Case
from .damage import damage_text, damage_tree, damaged_place, key_text, parent, places, value
from .invariants import owe
from .pool import results

if TYPE_CHECKING:
    from random import Random

    from .session import Session

TOKENS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e999",
    "9" * 400,
    "1e-400",
    "-0",
    "0.0",
    "true",
    "null",
    "[]",
    "{}",
    '"x"',
)


def make(rng: Random) -> Case:
    """Draw a result and damage it."""
    tree = json.loads(rng.choice(results()))
    raw, damaged = json.dumps(tree, indent=2).encode(), rng.random() < 0.9
    if damaged:
        pick = rng.randrange(3)
        if pick == 0:
            raw = damage_text(rng, json.dumps(tree, indent=1))
        elif pick == 1:
            raw = _with_token(rng, tree)
        else:
            for _ in range(rng.choice([1, 1, 3])):
                damage_tree(rng, tree)
            raw = written(tree)
    name = rng.choice(["res/result.json", "result.json", "other.json"])
    return Case(files={name: damaged_place(rng, raw) if damaged else raw}, plan=(name,), damaged=damaged)


def written(tree: Any) -> bytes:
    """Write ``tree`` as JSON, with pieces of YAML as words."""
    return json.dumps(_plain(tree), indent=1).encode("utf-8", errors="surrogatepass")


def _plain(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {str(key_text(key)): _plain(item) for key, item in tree.items()}
    if isinstance(tree, list):
        return [_plain(item) for item in tree]
    return getattr(tree, "text", tree)


def _with_token(rng: Random, tree: Any) -> bytes:
    """Write ``tree`` with one value replaced by a token that JSON, or a result, may not have there."""
    path = rng.choice(places(tree))
    parent(tree, path)[path[-1]] = "@token@"
    token = rng.choice(TOKENS) if rng.randrange(4) else json.dumps(_plain(value(rng)))
    return json.dumps(tree, indent=1).replace('"@token@"', token).encode()


def run(session: Session, case: Case) -> None:
    """Make a page of the result."""
    (name,) = case.plan
    outcome = session.cli("report", name, "--out", "page.html", writes=("page.html",), names=(Path(name).name,))
    if outcome.code:
        owe(case.damaged, "a good result is taken", outcome.err)
        return
    page = Path("page.html").read_text(encoding="utf-8")
    owe(page.lower().startswith("<!doctype html>") and page.rstrip().endswith("</html>"), "a page is whole", len(page))
    if name.startswith("res/"):
        session.cli("report", "res", writes=("res/report.html",))
