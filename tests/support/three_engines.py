"""An oracle of the pace of the array: loads, feeds and drains of a whole layer as max-plus sums, one after another.

Three engines: what loads a round into staging registers, what is fed from them, what drains a wave. Nothing is summed
up by sort, nothing is attributed; every time is the largest of others plus a duration.
"""

from __future__ import annotations

from typing import NamedTuple


class Round(NamedTuple):
    """Cycles of a round: at the port of the weights, at that of the inputs, and fed."""

    weights: int
    inputs: int
    feed: int

    @property
    def load(self):
        """Cycles at the ports, side by side."""
        return max(self.weights, self.inputs)


def times(steps, fill):
    """Return (first product, end, drained) of every step; a step is a list of waves, a wave its rounds and its drain.

    Everything is on chip at 0, where nothing is loaded or fed yet.
    """
    weights, inputs, _ = steps[0][0][0][0]
    # Alone, weights come before the patch; the last word of each is read in the pipeline.
    first = fill + weights - 1 + inputs - 1
    found, start, feeding, ended, drained, draining = [], 0, 0, 0, 0, 0
    for waves in steps:
        for place, (rounds, drain) in enumerate(waves):
            # A load begins with the last feed before it. While a swap waits, so does the load.
            begin = ended + max(rounds[0].load - feeding, 0) if ended else first
            # A wave drains beside the one behind it, or, the last of a step, from the end of the step on.
            drained = begin + draining if place else drained
            start = start if place else begin
            feeding = rounds[0].feed
            for one in rounds[1:]:
                begin, feeding = begin + max(one.load, feeding), one.feed
            ended, draining = max(begin + feeding, drained), drain
        drained = ended + draining
        found.append((start, ended, drained))
    return found
