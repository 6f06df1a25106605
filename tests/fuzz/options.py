"""Random options of a run, right ones and wrong ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .accelerators import SHIPPED
from .damage import WORDS

if TYPE_CHECKING:
    from random import Random

TRANSFORMS = (
    "fsb", "trg", "fsb,trg", "fsb:alpha=0.5", "fsb:middle=4", "fsb_c3d", "slowfsb", "fasttrg", "fast3d", "slowdepth",
    "fastdepth", "trg:layers=2", "trg:density=0.3",
)  # fmt: skip
ALGORITHMS = ("direct", "hfa", "winograd3d", "nested", "auto")


def run_words(rng: Random, *, arch: bool = True) -> list[str]:
    """Return options of a run that are all right."""
    words: list[str] = []
    if arch and rng.randrange(2):
        words += ["--arch", rng.choice(SHIPPED)]
    if rng.randrange(3) == 0:
        words += ["--transform", rng.choice(TRANSFORMS)]
    if rng.randrange(2):
        words += ["--algorithm", rng.choice(ALGORITHMS)]
        for name in ("--m1", "--m2"):
            if rng.randrange(3) == 0:
                words += [name, str(rng.randint(1, 8))]
    if rng.randrange(3) == 0:
        words += ["--fusion", "auto"]
    if rng.randrange(3) == 0:
        words += ["--objective", rng.choice(["latency", "energy", "edp", "dram_bytes", "dram_bytes_only"])]
    return words


def printable_word(rng: Random) -> str:
    """Return a word that a shell could pass: without NUL, and not a path that leaves the folder."""
    words = [word for word in WORDS if "\0" not in word and not word.startswith(("/", "..")) and word != "a/b"]
    return rng.choice(words)
