"""The cache of mappings: filled by a run, damaged, and asked again, which must change no figure."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .case import Case, random_of
from .damage import damage_tree, text_of
from .invariants import check_same, owe
from .networks import network
from .options import run_words
from .result_kind import written
from .study_kinds import FOREIGN, spoiled
from .workload_kind import NAME, is_small

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from .session import Session

CACHE = "cache"


def make(rng: Random) -> Case:
    """Draw a network, options, and the seed of the damage."""
    net = text_of(network(rng, most=3, widest=12)).encode()
    return Case(files={NAME: net}, plan=(str(rng.randrange(10**9)), *run_words(rng)), damaged=True)


@contextmanager
def _remembering() -> Iterator[None]:
    """Have this process remember mappings in the folder CACHE, from nothing."""
    from lw3dsim.base import remembered
    from lw3dsim.base.caches import forget

    before, folder = os.environ.get("LW3DSIM_MAPPING_CACHE"), remembered.cache_folder
    os.environ["LW3DSIM_MAPPING_CACHE"] = "1"
    remembered.cache_folder = lambda: Path(CACHE)
    remembered.forget_mappings()
    forget()
    try:
        yield
    finally:
        remembered.forget_mappings()
        remembered.cache_folder = folder
        forget()
        os.environ["LW3DSIM_MAPPING_CACHE"] = before or "0"


def run(session: Session, case: Case) -> None:
    """Simulate, damage what is remembered, simulate again."""
    seed, *words = case.plan
    shown = session.json("show", NAME)
    if shown is None or not is_small(shown, 0.1):
        return
    with _remembering():
        first = session.json("simulate", NAME, *words, writes=(CACHE,))
    files = list(Path(CACHE).glob("*.sqlite"))
    if first is None or not files:
        return
    (file,) = files
    foreign = _damage(random_of("cache", int(seed), 0), file)
    before = file.read_bytes()
    with _remembering():
        second = session.json("simulate", NAME, *words, writes=(CACHE,))
    owe(second is not None, "a damaged cache stops nothing", session.log[-1])
    check_same(first, second or {}, "a damaged cache changes no figure")
    owe(not foreign or file.read_bytes() == before, "a file that is no cache is left alone", file.name)


def _damage(rng: Random, file: Path) -> bool:
    """Damage the cache in ``file``; return whether it is now somebody else's."""
    pick = rng.randrange(8)
    if pick == 0:
        # Empty, it is nobody's.
        content = rng.choice(FOREIGN)
        file.write_bytes(content)
        return bool(content) and not content.startswith(b"SQLite")
    if pick < 3:
        file.write_bytes(spoiled(rng, file.read_bytes()))
        return False
    with closing(sqlite3.connect(file)) as connection, suppress(sqlite3.Error):
        for name, answer in connection.execute("SELECT name, answer FROM mappings ORDER BY name").fetchall():
            if rng.randrange(2):
                connection.execute("UPDATE mappings SET answer = ? WHERE name = ?", (_altered(rng, answer), name))
        connection.commit()
    return False


def _altered(rng: Random, answer: bytes) -> bytes | str | int | None:
    """Return another answer: a number changed, bytes changed, or none at all."""
    pick = rng.randrange(6)
    if pick == 0:
        return rng.choice([b"", b"null", b"{}", b"[]", None, 5, "x", b"[" * 2000])
    if pick == 1:
        return spoiled(rng, answer)
    holder = [json.loads(answer)]
    damage_tree(rng, holder)
    return written(holder[0] if holder else None)
