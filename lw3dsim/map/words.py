"""What is said of mappings in words: dimensions, counts, sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.describe.buffers import KIB_BITS

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.dataflow import Loop
    from lw3dsim.machine.problem import Problem

# What the positions of a dimension are called.
DIMENSIONS = {
    "g": "groups",
    "n": "output channels",
    "c": "input channels",
    "t": "frames",
    "h": "rows",
    "w": "columns",
}


def positions(dim: str, problem: Problem) -> str:
    """Return what the positions of a dimension of ``problem`` are called."""
    return "window frames" if dim == "c" and problem.reduces_frames else DIMENSIONS[dim]


def unrolling(loop: Loop, arch: Accelerator) -> str:
    """Return what of the array unrolls ``loop``: ``row``, ``column``, ``PE`` where both do, nothing where none does."""
    axes = arch.dataflow.axes(loop)
    return "PE" if len(axes) == 2 else "".join(axes).removesuffix("s")


def kib(bits: int) -> str:
    """Return bits as KiB."""
    return f"{bits / KIB_BITS:,.2f}".rstrip("0").rstrip(".")


def plural(count: int, word: str) -> str:
    """Return ``count`` of ``word``."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
