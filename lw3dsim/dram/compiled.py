"""The memory controller translated to machine code, where there is enough to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lw3dsim.base.kernels import CONTROLLER, translated
from lw3dsim.dram import controller

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.dram.channel import Channel

# What a burst takes CPython, in steps of the fast engine.
STEPS_PER_BURST = 40


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
    if CONTROLLER.is_worthwhile(STEPS_PER_BURST * bursts):
        return Controller(
            own=_arrays,
            serve=translated(controller.serve),
            stand_by=translated(controller.stand_by),
            run=translated(controller.run),
        )
    return Controller(
        own=lambda channel: channel, serve=controller.serve, stand_by=controller.stand_by, run=controller.run
    )


def _arrays(channel: Channel) -> Channel:
    arrays: Any = {
        name: np.asarray(words, dtype=np.int64) for name, words in channel._asdict().items() if name != "limits"
    }
    return channel._replace(**arrays)
