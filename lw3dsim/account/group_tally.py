"""What a mapping of a fused group does in all, counted without unrolling its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.account.energy import Stage
from lw3dsim.account.events import STREAMS, make_events, word_bits
from lw3dsim.map.floor import group_compulsory_by_stream
from lw3dsim.schedule.fused import stage_totals

if TYPE_CHECKING:
    from lw3dsim.account.events import Events
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.map.group.group import Group, GroupMapping


def tally_group(group: Group, mapping: GroupMapping, arch: Accelerator, dram_bytes: int) -> tuple[list[Stage], Events]:
    """Return what the stages of ``group`` do under a mapping that moves so many ``dram_bytes``, and all of it.

    What comes from and goes to DRAM is counted as if inputs and outputs moved once, and all else were weights.
    """
    totals = stage_totals(group, mapping, arch)
    moved = group_compulsory_by_stream(group)
    moved["weight"] = max(dram_bytes - moved["ifmap"] - moved["ofmap"], 0)
    in_all = {name: sum(total[name] for total in totals) for name in totals[0]}
    ifmap, weight, ofmap = (moved[name] for name in STREAMS)
    stages = [
        Stage(problem=problem, events=make_events(total, (0, 0, 0), (0, 0, 0), (0, 0, 0)), ideal_mults=mults)
        for problem, total, mults in zip(group.stages, totals, group.ideal_mults, strict=True)
    ]
    bits = 8 * ifmap, 8 * weight, 8 * ofmap
    words = [-(-size // each) for size, each in zip(bits, word_bits(arch.buffers), strict=True)]
    besides = group.besides_bits, sum(totals[tensor - 1]["intermediate_write_words"] for tensor in group.stored)
    return stages, make_events(in_all, bits, words, (ifmap, weight, ofmap), besides)
