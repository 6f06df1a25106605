"""The memory controller translated to machine code, where there is enough to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lw3dsim.dram import banks, controller
from lw3dsim.native import Translation

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.dram.channel import Channel

# What a burst takes CPython, in steps of the fast engine.
STEPS_PER_BURST = 40

TRANSLATION = Translation(
    "the memory controller",
    (
        (
            banks,
            (
                "take_out", "_read_before", "look", "ready", "_if_ready", "_column", "_activate", "_activate_second",
                "_bank_command", "_may_refresh", "_refresh", "choose", "_block", "_open", "_close", "_transfer",
                "issue",
            ),
        ),
        (
            controller,
            ("_admit", "_first_with_room", "_to_bank", "_schedule", "_clock", "serve", "stand_by", "run"),
        ),
    ),
    entries=("serve", "stand_by", "run"),
    outlined=("_clock",),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Controller:
    """What drives channels, each as :mod:`lw3dsim.dram.controller` has it; ``own`` makes a channel fit for it.

    What of a channel is fit already, as it is in a copy with other requests, is shared.
    """

    own: Callable[[Channel], Channel]
    serve: Callable[[Channel], None]
    stand_by: Callable[[Channel, int], None]
    run: Callable[[Channel, int], int]


def controller_for(bursts: int) -> Controller:
    """Return what serves so many bursts: translated where that pays."""
    if TRANSLATION.is_worthwhile(STEPS_PER_BURST * bursts):
        return Controller(own=_arrays, **cast("Any", TRANSLATION.functions))
    return Controller(
        own=lambda channel: channel, serve=controller.serve, stand_by=controller.stand_by, run=controller.run
    )


def _arrays(channel: Channel) -> Channel:
    arrays: Any = {
        name: np.asarray(words, dtype=np.int64) for name, words in channel._asdict().items() if name != "limits"
    }
    return channel._replace(**arrays)
