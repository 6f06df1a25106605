"""Workloads as text."""

from __future__ import annotations

HEAD = "name: t\ninputs:\n  clip: {channels: 4, frames: 4, height: 8, width: 8}\nlayers:\n"
CONV = "name: a, kind: conv3d, out_channels: 8, kernel: [3, 3, 3], padding: [1, 1, 1]"
POOL = "name: p, kind: pool3d, mode: max, kernel"


def net(*layers, head=HEAD, tail=""):
    """Return a workload file of ``layers``; the first is in line 5 unless ``head`` is longer."""
    return head + "".join(f"  - {{{layer}}}\n" for layer in layers) + tail
