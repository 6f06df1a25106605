"""Chains of convolutions and the memories that they run on, written down for AccelForge and for lw3dsim.

No convolution has padding, so that both count the same positions and products. Only a chain with a shortcut is
padded, as its ends must be of one size: there AccelForge's tensors have the size of the output, as in the MobileNet
among its examples.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

BITS = 8  # of every activation and weight
KIBS = (128, 256, 512)  # of memory on the chip, in all
BANKS = 16  # of ours, where it is one memory
PATIENCE_S = 600  # CPU seconds that a chain may take at a memory


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A convolution of a chain: its kernel (K, R, S) and output channels; ``depthwise`` ones keep their channels."""

    name: str
    kernel: tuple[int, int, int]
    out_channels: int
    depthwise: bool = False


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Convolutions one behind the other, from ``in_channels`` to an output of ``out_size`` (T, H, W) positions."""

    name: str
    title: str
    in_channels: int
    out_size: tuple[int, int, int]
    stages: tuple[Stage, ...]
    shortcut: bool = False  # from the input, added to the output; convolutions are padded then

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the input and of what every stage makes."""
        return (self.in_channels, *(stage.out_channels for stage in self.stages))

    @property
    def sizes(self) -> tuple[tuple[int, ...], ...]:
        """Size (T, H, W) of the input and of what every stage makes."""
        sizes: list[tuple[int, ...]] = [self.out_size]
        for stage in reversed(self.stages):
            grown = tuple(size + taps - 1 for size, taps in zip(sizes[0], stage.kernel, strict=True))
            sizes.insert(0, sizes[0] if self.shortcut else grown)
        return tuple(sizes)

    @property
    def macs(self) -> int:
        """Products of all stages; those with the padding count."""
        return sum(
            math.prod(size) * math.prod(weight) for size, weight in zip(self.sizes[1:], self.weights, strict=True)
        )

    @property
    def weights(self) -> tuple[tuple[int, ...], ...]:
        """Sizes (N, C, K, R, S) of the weights of every stage; C is 1 for depthwise ones."""
        links = zip(self.stages, pairwise(self.channels), strict=True)
        return tuple((n, 1 if stage.depthwise else c, *stage.kernel) for stage, (c, n) in links)

    @property
    def compulsory_bytes(self) -> int:
        """Input, weights and output, once each."""
        tensors = (self.channels[0] * math.prod(self.sizes[0]), self.channels[-1] * math.prod(self.sizes[-1]))
        return (sum(tensors) + sum(map(math.prod, self.weights))) * BITS // 8


def _bottleneck(name: str, title: str, **more: bool) -> Chain:
    stages = (
        Stage(name="a", kernel=(1, 1, 1), out_channels=64),
        Stage(name="b", kernel=(1, 3, 3), out_channels=64),
        Stage(name="c", kernel=(1, 1, 1), out_channels=256),
    )
    return Chain(name=name, title=title, in_channels=256, out_size=(4, 56, 56), stages=stages, **more)


CHAINS = (
    Chain(
        name="fsb", title="FSB of C3D's conv3a, 128-128-256", in_channels=128, out_size=(8, 28, 28),
        stages=(
            Stage(name="temporal", kernel=(3, 1, 1), out_channels=128),
            Stage(name="depthwise", kernel=(1, 3, 3), out_channels=128, depthwise=True),
            Stage(name="pointwise", kernel=(1, 1, 1), out_channels=256),
        ),
    ),
    _bottleneck("bottleneck", "bottleneck of SlowFast's res2, 256-64-64-256"),
    _bottleneck("shortcut", "the same with its shortcut", shortcut=True),
    Chain(
        name="inverted", title="inverted bottleneck of X3D-M's res2, 24-54-24", in_channels=24, out_size=(16, 56, 56),
        stages=(
            Stage(name="expand", kernel=(1, 1, 1), out_channels=54),
            Stage(name="depthwise", kernel=(3, 3, 3), out_channels=54, depthwise=True),
            Stage(name="project", kernel=(1, 1, 1), out_channels=24),
        ),
    ),
)  # fmt: skip


def write_ours(chain: Chain, path: Path) -> None:
    """Write ``chain`` as a workload of lw3dsim."""
    size = dict(zip(("frames", "height", "width"), chain.sizes[0], strict=True))
    layers: list[dict[str, Any]] = []
    for stage in chain.stages:
        before = layers[-1]["name"] if layers else "clip"
        padding = [taps // 2 if chain.shortcut else 0 for taps in stage.kernel]
        layer = {"name": stage.name, "kind": "conv3d", "inputs": before, "kernel": stage.kernel, "padding": padding}
        groups = stage.out_channels if stage.depthwise else 1
        layers.append(layer | {"out_channels": stage.out_channels, "groups": groups, "bias": False})
    if chain.shortcut:
        layers.append({"name": "add", "kind": "add", "inputs": [layers[-1]["name"], "clip"]})
    text = {"name": chain.name, "description": chain.title, "source": "experiments/peers"}
    clip = {"clip": {"channels": chain.in_channels, **size}}
    path.write_text(json.dumps({**text, "inputs": clip, "layers": layers}, indent=1) + "\n", encoding="utf-8")


def our_memories(kib: int) -> dict[str, tuple[str, list[str]]]:
    """Return accelerators with ``kib`` on the chip by name: which, and what is changed of it."""
    shared = [f"buffers.shared_kib={kib}", f"buffers.shared_banks={BANKS}"]
    parts = {"ifmap": kib // 4, "weight": kib // 4, "ofmap": kib // 2}
    three = [f"buffers.{name}_kib={part}" for name, part in parts.items()]
    return {
        "shared": ("edge_shared", shared),
        "three": ("edge_base", [*three, "buffers.intermediate_share=auto"]),
    }


def write_accelforge(chain: Chain, kib: int, path: Path) -> None:
    """Write ``chain`` on a memory of ``kib`` for AccelForge: its classes are YAML's tags, all else is JSON."""
    nodes = "".join(f"  - !{kind} {json.dumps(node)}\n" for kind, node in _machine(kib))
    text = f"arch:\n  nodes:\n{nodes}workload: {json.dumps(_cascade(chain))}\n"
    path.write_text(text, encoding="utf-8")


def _machine(kib: int) -> list[tuple[str, dict[str, Any]]]:
    """DRAM, a memory, a multiplier; a bit to or from DRAM costs 1, all else nothing."""
    free = {"leak_power": 0, "area": 0}

    def memory(name: str, size: int | str, energy: int, **tensors: str) -> tuple[str, dict[str, Any]]:
        actions = [{"name": way, "energy": energy, "throughput": "inf", "latency": 0} for way in ("read", "write")]
        return "Memory", {"name": name, "size": size, **free, "tensors": tensors, "actions": actions}

    compute = {"name": "compute", "energy": 0, "throughput": 1, "latency": 0}
    return [
        memory("dram", "inf", 1, keep="~Intermediates", may_keep="All"),
        memory("sram", kib * 8192, 0, keep="All"),
        ("Compute", {"name": "multiplier", **free, "actions": [compute]}),
    ]


def _cascade(chain: Chain) -> dict[str, Any]:
    """Return ``chain`` as Einsums.

    A tensor shares the loops of the one before, but for channels that are mixed, and axes along which there are taps.
    """
    loops = [{axis: f"{axis}0" for axis in "ctyx"}]
    shape = dict(zip(loops[0].values(), (chain.channels[0], *chain.sizes[0]), strict=True))
    einsums = []
    for i, stage in enumerate(chain.stages, start=1):
        taps = {axis: f"{axis}_{stage.name}" for axis, count in zip("tyx", stage.kernel, strict=True) if count > 1}
        mixed = () if stage.depthwise else ("c",)
        before, after = loops[-1], loops[-1] | {axis: f"{axis}{i}" for axis in (*mixed, *taps)}
        shape |= dict(zip(after.values(), (chain.channels[i], *chain.sizes[i]), strict=True))
        shape |= {taps[axis]: count for axis, count in zip("tyx", stage.kernel, strict=True) if count > 1}
        reads = {
            rank: after[axis] + (f"+{taps[axis]}" if axis in taps else "") for axis, rank in _ranks(before).items()
        }
        reads |= {before["c"].upper(): before["c"]}
        weight = list(dict.fromkeys((after["c"], before["c"], *taps.values())))
        accesses = {f"I{i - 1}": reads, f"W{i}": weight, f"I{i}": list(after.values())}
        einsums.append(_einsum(stage.name, accesses, {"input": f"I{i - 1}", "weight": f"W{i}", "output": f"I{i}"}))
        loops.append(after)
    if chain.shortcut:
        last, total = f"I{len(chain.stages)}", f"I{len(chain.stages) + 1}"
        again = {rank: loops[-1][axis] for axis, rank in _ranks(loops[0]).items()}
        accesses = {last: list(loops[-1].values()), "I0": again, total: list(loops[-1].values())}
        einsums.append(_einsum("add", accesses, {"input": last, "weight": "I0", "output": total}))
    return {
        "iteration_space_shape": {name: f"0 <= {name} < {size}" for name, size in shape.items()},
        "bits_per_value": {"All": BITS},
        "einsums": einsums,
    }


def _ranks(loops: dict[str, str]) -> dict[str, str]:
    """Return the ranks of the tensor that these loops make, by axis."""
    return {axis: loop.upper() for axis, loop in loops.items()}


def _einsum(name: str, accesses: dict[str, Any], renames: dict[str, str]) -> dict[str, Any]:
    """Return an Einsum that reads all tensors of ``accesses`` but the last, which it makes."""
    output = list(accesses)[-1]
    tensors = [{"name": key, "projection": loops, "output": key == output} for key, loops in accesses.items()]
    return {"name": name, "tensor_accesses": tensors, "renames": renames}
