"""The widths that a network is run in: its own where it says any, else those of the accelerator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload

# Fields of a workload and of a precision alike, and what they are of.
WIDTHS = {"activation_bits": "activations", "weight_bits": "weights"}


def in_widths(arch: Accelerator, network: Workload, overrides: Sequence[str]) -> Accelerator:
    """Return ``arch`` with the widths that ``network`` says, but for those that ``overrides`` set."""
    changed = {text.partition("=")[0].strip() for text in overrides}
    own = {
        key: bits
        for key in WIDTHS
        if (bits := getattr(network, key)) is not None and not changed & {"precision", f"precision.{key}"}
    }
    return replace(arch, precision=replace(arch.precision, **own)) if own else arch


def width_notes(network: Workload, asked: Accelerator, run: Accelerator) -> Iterator[str]:
    """Yield a sentence on every width in which the network and the accelerator that was ``asked`` for differ."""
    for key, what in WIDTHS.items():
        said, before, after = getattr(network, key), getattr(asked.precision, key), getattr(run.precision, key)
        if said is not None and said != before:
            instead = f"as {network.name} says, in place of the {before} of {asked.name}"
            yield f"{what} have {after} bits, " + (instead if after == said else f"not the {said} of {network.name}")
