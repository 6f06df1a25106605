"""A fused group small enough to count on paper."""

from __future__ import annotations

from paper import conv, machine

from lw3dsim.describe.clocks import make_clocks
from lw3dsim.map.group.group import Group, GroupMapping

ARCH = machine()
CLOCKS = make_clocks(ARCH)
# 2 channels of 4 x 6 pixels, 3 x 3 to 3 channels of 2 x 4, 1 x 1 to 2 channels; rows are tiles, and their halo stays.
FIRST = conv(2, 3, (1, 4, 6), (1, 3, 3), ARCH, bias=True)
SECOND = conv(3, 2, (1, 2, 4), (1, 1, 1), ARCH, bias=True)
GROUP = Group((FIRST, SECOND), ("none", "none"))


def mapping(*, t=1, h=1, w=4, kept="h", chunks=(2, 2), resident=(True, False), slots=2):
    return GroupMapping(
        t=t, h=h, w=w, kept=kept, chunks=chunks, resident=resident, parallel=("pixel",) * len(resident),
        ofmap_slots=slots,
    )  # fmt: skip
