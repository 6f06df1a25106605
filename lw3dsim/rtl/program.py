"""The program of a layer for a core: descriptors, memory images and what DMA does when, made from its schedule."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.arithmetic.machine import Execution, load_weights
from lw3dsim.arithmetic.operands import make_operands
from lw3dsim.arithmetic.place import Place
from lw3dsim.base.values import Value
from lw3dsim.map.layer.mapping import output_axis
from lw3dsim.rtl.fields import packed, raised
from lw3dsim.rtl.layout import blocks_of, runs_of, steps_along, tile_of
from lw3dsim.rtl.waves import waves_of
from lw3dsim.rtl.words import of_bits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.arithmetic.number import Tensor
    from lw3dsim.base.arrays import Ints
    from lw3dsim.rtl.design import Core
    from lw3dsim.rtl.subject import Subject
    from lw3dsim.rtl.waves import Wave


class Happening(NamedTuple):
    """What DMA does at the begin of a cycle: words that it has written, a tile that has arrived, room that it made."""

    cycle: int
    kind: str
    number: int
    word: int = 0


class Block(NamedTuple):
    """Where a block of so many channels lies in the input buffer, and how far the next: in elements."""

    base: int
    channels: int
    pitch: int


class CoreProgram(Value, frozen=True, kw_only=True, eq=False):
    """A program of a core, the outputs that its words should hold, and how many words pass the port of outputs.

    ``staged`` are the most words of a round, of patch and of weights, and of the partial sums of a depth.
    """

    waves: list[int]
    happenings: list[Happening]
    results: list[Ints]
    addresses: list[int]
    ofmap_words: int
    staged: tuple[int, int, int]
    limit: int


class Maker:
    """Makes a program, step by step."""

    def __init__(self, subject: Subject, core: Core) -> None:
        self.subject, self.core = subject, core
        problem, number = subject.problem, subject.operands
        self.run = Execution(
            problem=problem, machine=subject.machine, number=number,
            operands=make_operands(problem, number) if problem.algorithm.is_winograd else None,
            computation=subject.computation, sources=subject.sources, output=np.zeros(0), written=np.zeros(0),
        )  # fmt: skip
        self.waves: list[int] = []
        self.happenings: list[Happening] = []
        self.results: list[Ints] = []
        self.addresses: list[int] = []
        self.next_word = self.next_sums = 0
        self.ofmap_words = 0
        self.staged = [1, 1, 1]
        self.bias_words: dict[tuple[int, ...], int] = {}
        self.here: list[Wave] = []
        self.blocks: dict[int, Block] = {}
        self.kernels: dict[int, int] = {}

    def places(self) -> list[Place]:
        """Return where the steps work."""
        problem, mapping, loops = self.subject.problem, self.subject.mapping, self.subject.schedule.loops
        axis = output_axis(problem, 0, mapping.t)
        indices = np.stack([getattr(loops, name) for name in "gnthwc"], axis=1).tolist()
        return [
            Place.of(problem, mapping, g, n, (int(axis.first[t]), int(axis.outputs[t])), (h, w), c)
            for g, n, t, h, w, c in indices
        ]

    def make(self) -> CoreProgram:
        """Return the program."""
        subject, schedule, trace = self.subject, self.subject.schedule, self.subject.trace
        places = self.places()
        ifmap_of, weight_of = (_tile_of(loads.first, len(places)) for loads in (schedule.ifmap, schedule.weight))
        arrives_i, arrives_w = (self.arrivals(transfers.ready) for transfers in (trace.ifmap, trace.weight))
        first_i, first_w = set(schedule.ifmap.first.tolist()), set(schedule.weight.first.tolist())
        self.note_room()
        store_of = {int(step): i for i, step in enumerate(schedule.ofmap.opens)}
        stores = _tile_of(schedule.ofmap.opens, len(places))
        for step, place in enumerate(places):
            new_i, new_w = step in first_i, step in first_w
            tile_i, tile_w = int(ifmap_of[step]), int(weight_of[step])
            slot_i, slot_w = tile_i % subject.mapping.ifmap_slots, max(tile_w, 0) % subject.mapping.weight_slots
            self.enter(place)
            if new_i:
                base = slot_i * (self.core.ifmap_memory // subject.mapping.ifmap_slots)
                self.ifmap_image(place, base, arrives_i[tile_i], slot_i)
            if new_w:
                base = slot_w * (self.core.weight_memory // subject.mapping.weight_slots)
                self.weight_image(place, base, arrives_w[tile_w], slot_w)
            gate = int(schedule.ofmap.after[store_of[step]]) if step in store_of else -1
            slot = int(stores[step]) % subject.mapping.ofmap_slots
            self.next_word = self.next_sums = slot * (self.core.ofmap_memory // subject.mapping.ofmap_slots)
            ends = bool(schedule.loops.is_first[step]), bool(schedule.loops.is_last[step])
            self.step(
                place, ends, new_ifmap=new_i, new_weight=new_w, slots=slot_i | slot_w << 3, need_ifmap=tile_i + 1,
                need_weight=tile_w + 1, need_room=gate + 1,
            )  # fmt: skip
            used = max(self.next_word, self.next_sums) - slot * (self.core.ofmap_memory // subject.mapping.ofmap_slots)
            self.core.check_room("ofmap", used, subject)
        last = subject.cycle(trace.finish)
        return CoreProgram(
            waves=self.waves, happenings=sorted(self.happenings, key=lambda one: one.cycle), results=self.results,
            addresses=self.addresses, ofmap_words=self.ofmap_words,
            staged=(self.staged[0], self.staged[1], self.staged[2]), limit=2 * last + 10000,
        )  # fmt: skip

    def arrivals(self, ready: Sequence[int] | Ints) -> list[int]:
        """Return the cycles in which DMA says that tiles have come: one behind the other.

        One of padding alone is there at once; before it is used, those before it have been.
        """
        cycles = [max(self.subject.cycle(at), self.subject.schedule.setup_cycles) for at in ready]
        return list(itertools.accumulate(cycles, max))

    def enter(self, place: Place) -> None:
        """Look at a step."""
        self.here = list(waves_of(self.subject.problem, self.subject.machine, place))

    def step(self, place: Place, ends: tuple[bool, bool], new_ifmap: bool, new_weight: bool, **common: int) -> None:
        """Note the descriptors of a step; ``ends``: whether its sums begin with it, and whether they end."""
        for i, wave in enumerate(self.here):
            flags = raised(
                first=i == 0,
                last=i == len(self.here) - 1,
                new_ifmap=new_ifmap and i == 0,
                new_weight=new_weight and i == 0,
                sums_in=not ends[0],
                sums_out=not ends[1],
            )
            self.wave(place, wave, ends, flags=flags, **common)

    def note_room(self) -> None:
        """Note when stores have left that make room for others."""
        subject, ofmap = self.subject, self.subject.schedule.ofmap
        for gate in ofmap.after[ofmap.after >= 0].tolist():
            at = max(subject.cycle(subject.trace.ofmap.ready[gate]) - subject.machine.fill_cycles, 0)
            self.happenings.append(Happening(at, "room", gate + 1))

    def ifmap_image(self, place: Place, base: int, at: int, slot: int) -> None:
        """Note the words of an input tile, and the blocks of the waves by their first channel (dense: 0)."""
        problem, machine, core = self.subject.problem, self.subject.machine, self.core
        word, made = base, dict[int, Block]()
        for wave in self.here:
            first = wave.channel if problem.structure == "grouped" else 0
            if first in made:
                continue
            channels = self.input_channels(place, wave)
            block = channels.stop - channels.start if problem.structure == "grouped" else machine.chunk
            block = min(block, channels.stop - channels.start)
            each = core.ifmap_word // core.activation
            blocks = blocks_of(tile_of(problem, place, self.subject.sources[0], channels), block)
            words = [of_bits(one, core.activation, core.ifmap_word) for one in blocks]
            made[first] = Block(word * each, block, len(words[0]) * each)
            for bits in (bits for one in words for bits in one):
                self.happenings.append(Happening(at, "ifmap", word, bits))
                word += 1
        self.happenings.append(Happening(at, "ifmap_tile", slot))
        core.check_room("ifmap", word - base, self.subject)
        self.blocks = made

    def input_channels(self, place: Place, wave: Wave) -> slice:
        """Return the channels that a wave reads."""
        problem = self.subject.problem
        if problem.structure == "grouped":
            first = place.n.start + wave.channel
            return slice(first, first + wave.channels)
        first = place.group * problem.c
        return slice(first + place.c.start, first + place.c.stop)

    def weight_image(self, place: Place, base: int, at: int, slot: int) -> None:
        """Note the words of a weight tile, in the order of use, and the first of each part of the channels."""
        problem, machine, core = self.subject.problem, self.subject.machine, self.core
        kernels = self.plain_weights(place) if machine.transforms_weights else load_weights(self.run, place)
        kernels = kernels.astype(np.int64)
        n, c, *taps = kernels.shape if problem.algorithm.is_winograd else (*kernels.shape, 1)
        if problem.algorithm.is_winograd:
            groups = kernels.reshape(n, c, 1, taps[0], -1)
        else:
            counts = [k // s for k, s in zip(problem.kernel, machine.staged.taps, strict=True)]
            shape = [one for pair in zip(counts, machine.staged.taps, strict=True) for one in pair]
            split = kernels.reshape(n, c, *shape).transpose(0, 1, 2, 4, 6, 3, 5, 7)
            groups = split.reshape(n, c, math.prod(counts), -1, 1)
        first: dict[int, int] = {}
        together, word = min(machine.chunk, c), base
        for wave in self.here:
            if wave.channel in first:
                continue
            first[wave.channel] = word
            rows = groups[wave.channel : wave.channel + wave.channels]
            for begin, group in itertools.product(range(0, c, machine.chunk), range(rows.shape[2])):
                part = rows[:, begin : begin + machine.chunk, group]  # (rows, channels, taps, coordinates)
                values = np.zeros((len(rows), part.shape[2], part.shape[3] * together), dtype=np.int64)
                side = part.transpose(0, 2, 1, 3).reshape(len(rows), part.shape[2], -1)
                values[..., : side.shape[2]] = side
                for bits in of_bits(values.reshape(-1), self.weight_bits, core.weight_word):
                    self.happenings.append(Happening(at, "weight", word, bits))
                    word += 1
        self.happenings.append(Happening(at, "weight_tile", slot))
        core.check_room("weight", word - base, self.subject)
        self.kernels = first

    @property
    def weight_bits(self) -> int:
        """Bits of a weight in its buffer."""
        problem = self.subject.problem
        return problem.factor_bits if self.subject.machine.transforms_weights else problem.weight_bits

    def weights_of_tap(self, together: int) -> int:
        """Return the weights of a tap in their buffer, of so many channels ``together``."""
        problem = self.subject.problem
        if self.subject.machine.transforms_weights:
            return math.prod(problem.kernel)
        return problem.algorithm.coordinates if problem.algorithm.is_winograd else together

    def plain_weights(self, place: Place) -> Tensor:
        """Return the kernels of a tile as they are, one tap of all their weights: (n, c, 1, T, H, W)."""
        weights, origin = self.subject.computation.weights, place.group * self.subject.problem.n
        assert weights is not None  # noqa: S101  # layers with weight loads have weights
        return weights[origin + place.n.start : origin + place.n.stop, place.c][:, :, None]

    def bias_of(self, place: Place, wave: Wave) -> int:
        """Return the word of the biases of a wave's rows."""
        computation, core = self.subject.computation, self.core
        if computation.bias is None:
            values = np.zeros(wave.channels, dtype=np.int64)
        else:
            origin = place.group * self.subject.problem.n + place.n.start + wave.channel
            values = computation.bias[origin : origin + wave.channels].astype(np.int64)
        key = tuple(values.tolist())
        if key not in self.bias_words:
            self.bias_words[key] = len(self.bias_words)
            (word,) = of_bits(values, core.bias_bits, core.bias_bits * core.rows)
            self.happenings.append(Happening(0, "bias", self.bias_words[key], word))
        return self.bias_words[key]

    def wave(self, place: Place, wave: Wave, ends: tuple[bool, bool], **more: int) -> None:
        """Note the descriptor of a wave, and where its results go."""
        problem, machine, subject = self.subject.problem, self.subject.machine, self.subject
        tree = subject.mapping.parallel == "channel" and machine.chunk > 1
        channels = place.c.stop - place.c.start
        together, staged = min(machine.chunk, channels), machine.staged
        depths = -(-wave.many // machine.lanes)
        more["flags"] |= raised(tree=tree, relu=subject.computation.activation == "relu")
        block = self.blocks[wave.channel if problem.structure == "grouped" else 0]
        sums_base = self.next_sums
        base = self.next_word if ends[1] else sums_base
        outputs = self.note_results(place, wave, depths, ends)
        of_tap = self.weights_of_tap(together)
        taps = problem.algorithm.taps // staged.groups
        weights = wave.channels * taps * of_tap * self.weight_bits
        inputs = wave.channels if problem.structure == "grouped" else 1
        words = self.words_of(place, wave, block)
        words["weight_words"] = -(-weights // self.core.weight_word)
        read = words["ifmap_words"], words["weight_words"]
        self.staged[:2] = [max(most, own) for most, own in zip(self.staged, read, strict=False)]
        self.waves.append(
            packed(
                {
                    **more,
                    **words,
                    "rounds": -(-channels // machine.chunk) * staged.groups,
                    "weight_base": self.kernels[wave.channel],
                    "groups": staged.groups,
                    "depths": depths,
                    "span": of_tap,
                    "full_channels": together,
                    "last_channels": (channels - 1) % machine.chunk + 1 if tree else 1,
                    "last_lanes": wave.many - (depths - 1) * machine.lanes,
                    "rows": wave.channels,
                    "row_place": 1 if problem.structure == "grouped" else 0,
                    "taps": taps,
                    "mode": self.core.mode(problem.algorithm),
                    "outputs": outputs,
                    "sums_base": sums_base,
                    "transforms_in": inputs * wave.many if problem.algorithm.is_winograd else 0,
                    "transforms_weights": wave.channels if machine.transforms_weights else 0,
                    "transforms_out": wave.channels * wave.many if problem.algorithm.is_winograd else 0,
                    "ofmap_base": base,
                    "shift": subject.shift,
                    "bias": self.bias_of(place, wave),
                    "repeats": 1,
                }
            )
        )

    def words_of(self, place: Place, wave: Wave, block: Block) -> dict[str, int]:
        """Return the words of a round of a wave, where they lie, and where lanes find what of them."""
        problem, core, machine = self.subject.problem, self.core, self.subject.machine
        algorithm, each = problem.algorithm, core.ifmap_word // core.activation
        tiles = [-(-size // m) for size, m in zip(place.size, algorithm.tile, strict=True)]
        runs = runs_of(problem, machine.staged.taps, wave, tiles, block.channels)
        words = -(-runs.length * block.channels // each)
        pitches = runs.pitches(words * each, block.channels)
        taps = algorithm.split if algorithm.is_winograd else machine.staged.taps
        counts = [k // s for k, s in zip(problem.kernel, machine.staged.taps, strict=True)]
        fields = {
            "ifmap_words": words * runs.rows * runs.frames,
            "run": words,
            "run_rows": runs.rows,
            "run_frames": runs.frames,
            "row_pitch": runs.row_pitch,
            "frame_pitch": runs.frame_pitch,
            "ifmap_base": block.base + runs.first,
            "block_pitch": block.pitch,
            "groups_h": counts[1],
            "groups_w": counts[2],
        }
        for axis, name in enumerate("thw"):
            steps = steps_along(problem, axis, wave.tiles[axis], machine.staged.taps[axis])
            pitch, m, many = pitches[axis], algorithm.tile[axis], wave.tiles[axis]
            fields |= {f"taps_{name}": taps[axis], f"group_{name}": runs.groups[axis]}
            fields |= {f"pitch_{name}": steps.tile * pitch, f"tap_{name}": steps.tap * pitch}
            fields |= {f"window_{name}": steps.window * pitch, f"tiles_{name}": many}
            fields[f"left_{name}"] = min(place.size[axis] - (wave.begin[axis] + many - 1) * m, m)
        return fields

    def note_results(self, place: Place, wave: Wave, depths: int, ends: tuple[bool, bool]) -> int:
        """Note which outputs the words of a wave hold, depth by depth; return how many there are.

        ``ends`` says whether the sum over input channels begins, and whether it ends with the step.
        """
        problem, machine = self.subject.problem, self.subject.machine
        n0 = place.group * problem.n + place.n.start + wave.channel
        shape, m = (problem.groups * problem.n, *problem.out), problem.algorithm.tile
        at, valid = [], []
        for axis, (origin, begin, many) in enumerate(zip(place.origin, wave.begin, wave.tiles, strict=True)):
            inside = np.arange(begin * m[axis], (begin + many) * m[axis])
            valid.append((inside < place.size[axis]).astype(np.int64).reshape(many, m[axis]))
            at.append(np.minimum(origin + inside, problem.out[axis] - 1).reshape(many, m[axis]))
        # (channels, tiles t, h, w, outputs t, h, w)
        spread = [_six(one, axis) for axis, one in enumerate(at)]
        t, h, w = (_six(one, axis) for axis, one in enumerate(valid))
        keep = (t & h & w) != 0
        channels = np.arange(n0, n0 + wave.channels).reshape(-1, *[1] * 6)
        flat = np.ravel_multi_index(np.broadcast_arrays(channels, *[one[None] for one in spread]), shape)
        flat = np.moveaxis(flat, 0, -1).reshape(wave.many, -1, wave.channels)
        kept = np.broadcast_to(keep, (*wave.tiles, *m)).reshape(wave.many, -1)
        total = 0
        for depth in range(depths):
            lanes = slice(depth * machine.lanes, (depth + 1) * machine.lanes)
            results = flat[lanes][kept[lanes]].reshape(-1)
            total += len(results)
            sums = -(-len(results) * problem.accumulator_bits // self.core.ofmap_word)
            if ends != (True, True):
                self.staged[2] = max(self.staged[2], sums)
                self.next_sums += sums
            self.ofmap_words += sums * ((not ends[0]) + (not ends[1]))
            for i in range(0, len(results) if ends[1] else 0, self.core.results):
                self.results.append(results[i : i + self.core.results])
                self.addresses.append(self.next_word)
                self.next_word += 1
                self.ofmap_words += 1
        return total


def _six(values: Ints, axis: int) -> Ints:
    """Return values (tiles, outputs) of an axis along two of six: tiles t, h, w, outputs t, h, w."""
    shape = [1] * 6
    shape[axis], shape[axis + 3] = values.shape
    return values.reshape(shape)


def _tile_of(first: Ints, steps: int) -> Ints:
    """Return the tile of every step, where tiles begin with the ``first``."""
    tiles = np.zeros(steps, dtype=np.int64)
    tiles[first] = 1
    return np.cumsum(tiles) - 1
