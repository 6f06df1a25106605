"""Which words of a core's memories a layer or group has: three buffers, or banks of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.describe.buffers import STREAM_BUFFERS

if TYPE_CHECKING:
    from lw3dsim.describe.buffers import Buffers
    from lw3dsim.rtl.design import Core


class Memory(NamedTuple):
    """So many ``words`` from word ``begin`` on."""

    begin: int
    words: int


def memories(core: Core, buffers: Buffers) -> dict[str, Memory]:
    """Return what a layer or group has for inputs, weights and outputs, which sees the ``buffers`` of its accelerator.

    Of a shared memory they have banks behind each other, in this order.
    """
    if core.banks == 0:
        return {name: Memory(0, getattr(core, f"{name}_memory")) for name in STREAM_BUFFERS}
    found, begin, each = dict[str, Memory](), 0, core.ifmap_memory // core.banks
    for name, banks in buffers.banks().items():
        found[name] = Memory(begin, banks * each)
        begin += banks * each
    return found
