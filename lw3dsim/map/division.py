"""Memory that the mapper divides: a shared one for every layer or group, an output buffer for every group.

A mapping says what it needs of each buffer. Of a shared memory every buffer gets the banks that hold that, at least
two, and inputs get the rest: where two input tiles of a group fit, the next is loaded while one is used. Weights of a
group that stream get room for a chunk, and for as many as there are slots where that leaves enough to the others. The
tensors inside a group have whole sixteenths of the output buffer, if their share is ``auto``, its output the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.values import replace
from lw3dsim.describe.buffers import KIB_BITS, OWN_BANKS, SHARES, STREAM_BUFFERS
from lw3dsim.map.fill import layer_fill

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.buffers import Buffers
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.fill import Fill
    from lw3dsim.map.layer.mapping import Mapping as LayerMapping

# Buffers that a layer fills; a group fills one more.
LAYER_BUFFERS = 3


def layer_design(problem: Problem, mapping: LayerMapping, arch: Accelerator) -> Accelerator:
    """Return ``arch`` as a layer sees it, a shared memory divided by what its mapping needs.

    Raises ValueError where that is more than there is.
    """
    if not arch.buffers.is_whole:
        return arch
    return replace(arch, buffers=divided(arch.buffers, needs_of(layer_fill(problem, mapping, arch), arch.buffers)))


def needs_of(fills: Sequence[Fill], buffers: Buffers) -> dict[str, int]:
    """Return the bits of each buffer that a mapping takes: of input tiles of a group, of which more may fit, of one.

    Of weights of a group as many chunks as a shared memory has banks for.
    """
    needs: dict[str, int] = {fill.buffer: fill.bits for fill in fills}
    if len(fills) > LAYER_BUFFERS:
        (window, weight) = (fill for fill in fills if fill.buffer in ("ifmap", "weight"))
        needs["ifmap"], slots = window.tile_bits, weight.slots
        while buffers.is_whole and slots > 1 and sum(banks_needed(buffers, needs).values()) > buffers.shared_banks:
            slots -= 1
            needs["weight"] = weight.resident_bits + slots * weight.tile_bits
    return needs


def banks_needed(buffers: Buffers, needs: Mapping[str, int]) -> dict[str, int]:
    """Return the banks of a shared memory that hold ``needs``, in bits, by buffer: two of each at least."""
    bits = buffers.bank_kib * KIB_BITS
    banks = {name: max(-(-needs[name] // bits), OWN_BANKS) for name in STREAM_BUFFERS}
    if "intermediate" in needs:
        both = needs["intermediate"] + needs["ofmap"]
        banks["ofmap"] = max(-(-both // bits), OWN_BANKS)
        while sum(max(-(-SHARES * needs[n] // (banks["ofmap"] * bits)), 1) for n in ("intermediate", "ofmap")) > SHARES:
            banks["ofmap"] += 1
    return banks


def shares_needed(buffers: Buffers, bits: int) -> int:
    """Return the sixteenths of the output buffer that hold so many bits: one at least."""
    return max(-(-bits // buffers.share_bits), 1)


def divided(buffers: Buffers, needs: Mapping[str, int]) -> Buffers:
    """Return ``buffers`` that share a memory with the banks that hold ``needs``, inputs with the rest of them.

    Raises ValueError where that is more than there is.
    """
    banks = banks_needed(buffers, needs)
    rest = buffers.shared_banks - sum(banks.values())
    if rest < 0:
        raise ValueError(f"{sum(banks.values())} of {buffers.shared_banks} banks are needed")
    return buffers.divided(ifmap=banks["ifmap"] + rest, weight=banks["weight"], ofmap=banks["ofmap"])


def divisions(arch: Accelerator) -> Iterator[list[Accelerator]]:
    """Yield the ways to give banks of a shared memory to inputs and weights, those that give weights as much together.

    Intermediate tensors and outputs of a fused group share the rest, each mapping as is best for it.
    """
    ways: dict[int, list[Accelerator]] = {}
    for banks in _ways(arch.buffers):
        design = replace(arch, buffers=arch.buffers.divided(**banks))
        ways.setdefault(banks["weight"], []).append(design)
    yield from ways.values()


def capacities(buffers: Buffers) -> Iterator[dict[str, int]]:
    """Yield the bits of each buffer of a layer, in every way that a shared memory can be divided."""
    if buffers.shared_kib is None:
        yield buffers.capacity_bits
        return
    for banks in _ways(buffers):
        yield {name: count * buffers.bank_kib * KIB_BITS for name, count in banks.items()}


def _ways(buffers: Buffers) -> Iterator[dict[str, int]]:
    """Yield every way to hand out the banks of a shared memory to inputs, weights and outputs."""
    spare = buffers.shared_banks
    for weight in range(OWN_BANKS, spare - 2 * OWN_BANKS + 1):
        for ifmap in range(OWN_BANKS, spare - weight - OWN_BANKS + 1):
            yield {"ifmap": ifmap, "weight": weight, "ofmap": spare - ifmap - weight}
