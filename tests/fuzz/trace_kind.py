"""Address traces for ``dram``: plain and packed, good and damaged."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from .accelerators import MAPPINGS, PRESETS
from .case import Case
from .damage import damage_text, damaged_place
from .invariants import owe

if TYPE_CHECKING:
    from random import Random

    from .session import Session

LINES = (
    "", " ", "x", "40", "40,", ",R", "40,r", "40,RW", "40,R,", "40,R ", " 40,R", "-40,R", "+40,R", "0x,R", "0x0x4,R",
    "4_0,R", "40;R", "40\tR", "g,R", "\uff14\uff10,R", "fffffffffffffff,R", "ffffffffffffffff,W",
    "7fffffffffffffff,R", "0,W", "00000000000000000000,R", "f" * 300 + ",R", "1e3,R", "addr_hex,op", "40,R\r", "#",
    "\0", "40,\u0420", '"40",R', "40,W\x0040,R",
)  # fmt: skip


def make(rng: Random) -> Case:
    """Draw a trace and the DRAM that it is replayed on."""
    size = rng.choice([1, 2, 10, 100, 400])
    top = rng.choice([1, 12, 20, 26, 30])
    last, lines = 0, ["addr_hex,op"]
    for _ in range(size):
        last = rng.choice([last + 32, last + 64, rng.randrange(1 << top), last])
        lines.append(f"{last % (1 << 30):{rng.choice(['x', 'x', 'X', '08x', '#x'])}},{rng.choice('RRW')}")
    damaged = rng.random() < 0.6
    raw = ("\n".join(lines) + rng.choice(["\n", ""])).encode()
    if damaged and rng.randrange(2):
        lines[rng.randrange(len(lines))] = rng.choice(LINES)
        raw = "\n".join(lines).encode()
    elif damaged:
        raw = damage_text(rng, "\n".join(lines) + "\n")
    name = rng.choice(["trace.csv", "trace.csv", "trace.csv.gz", "trace", "trace.gz.csv"])
    if name.endswith(".gz") or rng.randrange(6) == 0:
        raw = gzip.compress(raw, mtime=0)
        if damaged and rng.randrange(2):
            at = rng.randrange(len(raw))
            raw = rng.choice([raw[:at], raw[:at] + b"x" + raw[at + 1 :], raw + b"more", raw + raw])
    content = damaged_place(rng, raw) if damaged else raw
    words = ["--preset", rng.choice(PRESETS)]
    words += ["--mapping", rng.choice(MAPPINGS)] if rng.randrange(2) else []
    words += ["--channels", str(rng.choice([1, 2, 3, 64]))] if rng.randrange(2) else []
    words += ["--refresh", rng.choice(["all-bank", "none"])] if rng.randrange(2) else []
    return Case(files={name: content}, plan=(str(size), *words), damaged=damaged)


def run(session: Session, case: Case) -> None:
    """Replay the trace; every request is a hit, a miss or a conflict."""
    size, *words = case.plan
    (name,) = case.files
    data = session.json("dram", "--trace", name, *words, names=(name,))
    if data is None:
        owe(case.damaged, "a good trace is taken", session.log[-1])
        return
    visits = data["row_hits"] + data["row_misses"] + data["row_conflicts"]
    owe(visits == data["reads"] + data["writes"], "every request is a hit, a miss or a conflict", visits)
    owe(case.damaged or data["requests"] == int(size), "every line is a request", size)
    session.cli("dram", "--trace", name, *words)
