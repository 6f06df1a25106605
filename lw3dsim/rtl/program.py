"""What steps of a layer are to a core: descriptors of waves, memory images, results."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.arithmetic.functions import is_table, table_of
from lw3dsim.arithmetic.machine import Execution, load_weights
from lw3dsim.arithmetic.operands import make_operands
from lw3dsim.machine.forms import IN_PASSING
from lw3dsim.machine.microarchitecture import plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.waves import rows_used
from lw3dsim.rtl.fields import packed, raised
from lw3dsim.rtl.inner import Runs
from lw3dsim.rtl.layout import blocks_of, runs_of, steps_along, tile_of
from lw3dsim.rtl.notes import Block, Happening, Results
from lw3dsim.rtl.reaches import reach_of
from lw3dsim.rtl.waves import waves_of
from lw3dsim.rtl.words import of_bits

if TYPE_CHECKING:
    from lw3dsim.arithmetic.number import Tensor
    from lw3dsim.arithmetic.place import Place
    from lw3dsim.base.arrays import Ints
    from lw3dsim.machine.records import Triple
    from lw3dsim.rtl.design import Core
    from lw3dsim.rtl.inner import Kept
    from lw3dsim.rtl.notes import Fresh, Notes
    from lw3dsim.rtl.reaches import Reach
    from lw3dsim.rtl.subject import Stage
    from lw3dsim.rtl.waves import Wave
    from lw3dsim.rtl.windows import Lie


class Maker:
    """Makes a program, step by step, of a stage: a layer by itself, or one of a group."""

    def __init__(self, stage: Stage, core: Core, notes: Notes, number: int = 0) -> None:
        self.stage, self.core, self.notes, self.number = stage, core, notes, number
        problem, operands = stage.problem, stage.operands
        self.run = Execution(
            problem=problem, machine=stage.machine, number=operands,
            operands=make_operands(problem, operands) if problem.algorithm.is_winograd else None,
            computation=stage.computation, sources=stage.sources, output=np.zeros(0), written=np.zeros(0),
        )  # fmt: skip
        self.next_word = self.next_sums = 0
        self.here: list[Wave] = []
        self.blocks: dict[int, Block] = {}
        self.kernels: dict[int, int] = {}
        # Where its patches are read and its results go, if not from the input buffer and to DRAM.
        self.reads: Kept | None = None
        self.keeps: Kept | None = None

    def enter(self, place: Place) -> None:
        """Look at a step."""
        self.here = list(waves_of(self.stage.problem, self.stage.machine, place))

    def step(self, place: Place, ends: tuple[bool, bool], fresh: Fresh, **common: int) -> None:
        """Note the descriptors of a step; ``ends``: whether its sums begin with it, and whether they end."""
        for i, wave in enumerate(self.here):
            flags = raised(
                first=i == 0,
                last=i == len(self.here) - 1,
                new_ifmap=fresh.ifmap and i == 0,
                new_weight=fresh.weight and i == 0,
                waits=fresh.waits and i == 0,
                inner=self.reads is not None,
                keeps=self.keeps is not None,
                sums_in=not ends[0],
                sums_out=not ends[1],
            )
            self.wave(place, wave, ends, flags=flags, **common)

    def ifmap_image(self, place: Place, word: int, at: int) -> int:
        """Note the words of an input tile, from ``word`` on; return the word behind them.

        Note too the blocks of the waves, by their first channel (dense: 0).
        """
        problem, core = self.stage.problem, self.core
        made = dict[int, Block]()
        for first, (channels, block) in self.held(place).items():
            each = core.ifmap_word // core.activation
            blocks = blocks_of(tile_of(problem, place, self.stage.sources[0], channels), block)
            words = [of_bits(one, core.activation, core.ifmap_word) for one in blocks]
            made[first] = Block(word * each, block, len(words[0]) * each)
            for bits in (bits for one in words for bits in one):
                self.notes.happenings.append(Happening(at, "ifmap", word, bits))
                word += 1
        self.blocks = made
        return word

    def held(self, place: Place) -> dict[int, tuple[slice, int]]:
        """Return, by the first channel of waves that read them (dense: 0), channels, and how many lie together."""
        is_grouped = self.stage.problem.structure == "grouped"
        each = {wave.channel if is_grouped else 0: self.input_channels(place, wave) for wave in self.here}
        return {first: (channels, self.together(channels)) for first, channels in each.items()}

    @property
    def beside(self) -> int:
        """Channels of its input that lie side by side where each makes one of its own: those of all rows at most."""
        return int(rows_used(plain_layer(self.stage.problem), plain_array(self.stage.machine)))

    def together(self, channels: slice) -> int:
        """Return how many of the ``channels`` that a wave reads lie side by side."""
        many = channels.stop - channels.start
        return int(many if self.stage.problem.structure == "grouped" else min(self.stage.machine.chunk, many))

    def input_channels(self, place: Place, wave: Wave) -> slice:
        """Return the channels that a wave reads."""
        problem = self.stage.problem
        if problem.structure == "grouped":
            first = place.n.start + wave.channel
            return slice(first, first + wave.channels)
        first = place.group * problem.c
        return slice(first + place.c.start, first + place.c.stop)

    def weight_image(self, place: Place, word: int, at: int) -> int:
        """Note the words of a weight tile, in the order of use, from ``word`` on; return the word behind them.

        Note too the first of each part of the channels.
        """
        problem, machine, core = self.stage.problem, self.stage.machine, self.core
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
        together = min(machine.chunk, c)
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
                    self.notes.happenings.append(Happening(at, "weight", word, bits))
                    word += 1
        self.kernels = first
        return word

    @property
    def weight_bits(self) -> int:
        """Bits of a weight in its buffer."""
        problem = self.stage.problem
        return problem.factor_bits if self.stage.machine.transforms_weights else problem.weight_bits

    def weights_of_tap(self, together: int) -> int:
        """Return the weights of a tap in their buffer, of so many channels ``together``."""
        problem = self.stage.problem
        if self.stage.machine.transforms_weights:
            return math.prod(problem.kernel)
        return problem.algorithm.coordinates if problem.algorithm.is_winograd else together

    def plain_weights(self, place: Place) -> Tensor:
        """Return the kernels of a tile as they are, one tap of all their weights: (n, c, 1, T, H, W)."""
        weights, origin = self.stage.computation.weights, place.group * self.stage.problem.n
        assert weights is not None  # noqa: S101  # layers with weight loads have weights
        return weights[origin + place.n.start : origin + place.n.stop, place.c][:, :, None]

    def bias_of(self, place: Place, wave: Wave) -> int:
        """Return the word of the biases of a wave's rows."""
        computation, core = self.stage.computation, self.core
        if computation.bias is None:
            values = np.zeros(wave.channels, dtype=np.int64)
        else:
            origin = place.group * self.stage.problem.n + place.n.start + wave.channel
            values = computation.bias[origin : origin + wave.channels].astype(np.int64)
        key = tuple(values.tolist())
        known = self.notes.bias_words
        if key not in known:
            known[key] = len(known)
            (word,) = of_bits(values, core.bias_bits, core.bias_bits * core.rows)
            self.notes.happenings.append(Happening(0, "bias", known[key], word))
        return known[key]

    def finishing(self, is_last: bool) -> dict[str, int]:
        """Return what a descriptor says of what becomes of its sums, of which those of the last channels are results.

        Notes the table in which they are looked up.
        """
        computation, number, tables = self.stage.computation, self.stage.number, self.notes.tables
        function = computation.activation
        if not is_table(function, number):
            return {"shift": self.stage.shift}
        if function not in tables:
            begin, most = len(tables) << number.bits, number.largest
            for code, value in zip(range(-most, most + 1), table_of(function, number).tolist(), strict=True):
                at, mask = begin + code % (1 << number.bits), (1 << number.bits) - 1
                self.notes.happenings.append(Happening(0, "table", at, value & mask))
            tables[function] = len(tables) + 1
        is_passing = function in IN_PASSING
        is_apart = not is_passing and self.stage.problem.ops_per_output > self.stage.problem.mix.lookups
        table = tables[function] | is_apart << 8 | is_passing << 9
        return {"shift": computation.shift, "table": table if is_last else 0}

    def wave(self, place: Place, wave: Wave, ends: tuple[bool, bool], **more: int) -> None:
        """Note the descriptor of a wave, and where its results go."""
        problem, machine, stage = self.stage.problem, self.stage.machine, self.stage
        tree = stage.parallel == "channel" and machine.chunk > 1
        channels = place.c.stop - place.c.start
        together, staged = min(machine.chunk, channels), machine.staged
        depths = -(-wave.many // machine.lanes)
        more["flags"] |= raised(tree=tree, relu=stage.computation.activation == "relu")
        block = self.blocks[wave.channel if problem.structure == "grouped" else 0]
        sums_base, passed = self.next_sums, self.notes.drained_words
        base = self.next_word if ends[1] else sums_base
        outputs = self.note_results(place, wave, depths, ends)
        of_tap = self.weights_of_tap(together)
        taps = problem.algorithm.taps // staged.groups
        weights = wave.channels * taps * of_tap * self.weight_bits
        words = self.words_of(place, wave, block)
        words["weight_words"] = -(-weights // self.core.weight_word)
        of_row = -(-taps * of_tap * self.weight_bits // self.core.weight_word) + 1
        side_by_side = together if tree else wave.channels if problem.structure == "grouped" else 1
        self.notes.kernels = max(self.notes.kernels, min(of_row, words["weight_words"]))
        self.note_reach(reach_of(stage, self.core, wave, words, side_by_side))
        rounds = -(-channels // machine.chunk) * staged.groups
        self.notes.waves.append(
            packed(
                {
                    **more,
                    **words,
                    **self.turns(rounds * words["ifmap_words"], self.notes.drained_words - passed),
                    **self.kept_fields(wave.begin, wave.tiles, wave.channel, wave.channels, Runs()),
                    "rounds": rounds,
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
                    **self.transformed(wave),
                    "outputs": outputs,
                    "sums_base": sums_base,
                    "ofmap_base": base,
                    **self.finishing(ends[1]),
                    "bias": self.bias_of(place, wave),
                    "repeats": 1,
                }
            )
        )

    def note_reach(self, reach: Reach) -> None:
        """Note in how many words lanes find what they read at one time."""
        self.notes.reach, self.notes.near = max(self.notes.reach, reach.all), max(self.notes.near, reach.group)

    def kept_fields(self, begin: Triple, tiles: Triple, channel: int, rows: int, runs: Runs) -> dict[str, int]:
        """Return what a descriptor says of where results go, if not to DRAM; see Kept.fields."""
        if self.keeps is None:
            return {}
        self.notes.counted = max(self.notes.counted, self.keeps.count_bits(tiles, rows))
        return self.keeps.fields(begin, tiles, channel, rows, runs)

    def transformed(self, wave: Wave) -> dict[str, int]:
        """Return what a descriptor says of the algorithm, and of the tiles and kernels that a wave transforms."""
        problem, is_fast = self.stage.problem, self.stage.problem.algorithm.is_winograd
        inputs = wave.channels if problem.structure == "grouped" else 1
        return {
            "mode": self.core.mode(problem.algorithm),
            "in_stages": self.stage.adders[0],
            "out_stages": self.stage.adders[1],
            "transforms_in": inputs * wave.many if is_fast else 0,
            "transforms_weights": wave.channels if self.stage.machine.transforms_weights else 0,
            "transforms_out": wave.channels * wave.many if is_fast else 0,
        }

    def in_ring(self, lie: Lie) -> dict[str, int]:
        """Return what a descriptor says of where in a ring it begins to read, and of the tag of what it reads."""
        tag = self.reads.tag + lie.lap if self.reads else 0
        return {"ring": lie.ring, "ring_along": lie.along, "ring_axis": lie.axis, "read_tag": tag}

    def turns(self, read: int, drained: int) -> dict[str, int]:
        """Return what a descriptor says of words that a wave reads and drains at one port."""
        if self.reads is None:
            return {}
        return {"turns": read + drained}

    def words_of(self, place: Place, wave: Wave, block: Block) -> dict[str, int]:
        """Return the words of a round of a wave, where they lie, and where lanes find what of them."""
        problem, core, machine = self.stage.problem, self.core, self.stage.machine
        algorithm, each = problem.algorithm, core.ifmap_word // core.activation
        if self.reads is not None:
            each = core.results
        tiles = [-(-size // m) for size, m in zip(place.size, algorithm.tile, strict=True)]
        runs = runs_of(problem, (machine.staged.taps, machine.apart), wave, tiles, block.channels, block.window)
        words = -(-runs.length * block.channels // each)
        read = words * runs.rows * runs.frames
        if self.reads is None:
            self.notes.patch = max(self.notes.patch, read)
        else:
            self.notes.inner = max(self.notes.inner, read)
        pitches = runs.pitches(words * each, block.channels)
        taps = algorithm.split if algorithm.is_winograd else machine.staged.taps
        counts = [k // s for k, s in zip(problem.kernel, machine.staged.taps, strict=True)]
        fields = {
            "ifmap_words": read,
            "run": words,
            "run_rows": runs.rows,
            "run_frames": runs.frames,
            "row_pitch": runs.row_pitch,
            "frame_pitch": runs.frame_pitch,
            "ifmap_base": block.base + runs.lie.first,
            **self.in_ring(runs.lie),
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
        problem, machine = self.stage.problem, self.stage.machine
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
                self.notes.sums = max(self.notes.sums, sums)
                self.next_sums += sums
            self.notes.drained_words += sums * ((not ends[0]) + (not ends[1]))
            for i in range(0, len(results) if ends[1] else 0, self.core.results):
                self.notes.results.append(Results(self.number, self.next_word, results[i : i + self.core.results]))
                self.next_word += 1
                self.notes.drained_words += 1
        return total


def _six(values: Ints, axis: int) -> Ints:
    """Return values (tiles, outputs) of an axis along two of six: tiles t, h, w, outputs t, h, w."""
    shape = [1] * 6
    shape[axis], shape[axis + 3] = values.shape
    return values.reshape(shape)
