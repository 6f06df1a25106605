"""The program of a layer of the vector unit: groups of outputs, and where their operands lie in the input buffer.

See "Vector unit" in ``docs/microarchitecture.md``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.arithmetic.machine import load_ifmap
from lw3dsim.machine.microarchitecture import plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.vector import beside
from lw3dsim.rtl.boxes import Box, alike
from lw3dsim.rtl.fields import packed, raised
from lw3dsim.rtl.inner import Runs
from lw3dsim.rtl.inverses import inverse_of
from lw3dsim.rtl.notes import Block, Fresh, Happening, Results
from lw3dsim.rtl.orders import OF_FRAMES, Elsewhere, Part, parts_of, runs_from
from lw3dsim.rtl.program import Maker
from lw3dsim.rtl.runs import NOWHERE, Run
from lw3dsim.rtl.windows import Window
from lw3dsim.rtl.words import of_bits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.arithmetic.place import Place
    from lw3dsim.base.arrays import Ints
    from lw3dsim.machine.records import Triple
    from lw3dsim.rtl.windows import Lie

# What lanes make of the operands of a group, as in ``sv/lw_lanes.sv``; means are sums that are divided.
KINDS = {"sum": 1, "avg": 1, "max": 2, "product": 3, "trg": 4, "running_mean": 5}
MEANS = ("avg", "trg", "running_mean")
# What they do with the first frame of a running mean.
FIRST_OF_MEAN = 6


class VectorMaker(Maker):
    """Makes a program of a layer of the vector unit."""

    # Where the second operand of a sum or product lies that reads an intermediate tensor, if it comes from DRAM.
    other: Block | None = None
    # Or where it lies on chip, in an order of its own.
    elsewhere: Elsewhere | None = None

    @property
    def word(self) -> int:
        """Bits of a word in which operands are read."""
        return self.core.ifmap_word if self.reads is None else self.core.results * self.core.activation

    def other_words(self, run: Run) -> int:
        """Return the words of the second operand of a group, if there is one."""
        return -(-run.outputs * self.core.activation // self.core.ifmap_word) if self.is_mixed else 0

    @property
    def is_mixed(self) -> bool:
        """Whether the first operand is an intermediate tensor, and the second in the input buffer."""
        return self.other is not None or (self.elsewhere is not None and self.elsewhere.tag is None)

    @property
    def sources(self) -> int:
        """Tensors of which a group reads an operand after the other."""
        if self.elsewhere:
            return 2
        return len(self.begins) if self.stage.problem.beside == "all" else 1

    @property
    def begins(self) -> list[int]:
        """The first elements of the blocks of the tile that is in use, of one source after the other."""
        return [block.base for block in (*self.blocks.values(), *([self.other] if self.other else []))]

    def enter(self, place: Place) -> None:
        """Look at a step: nothing is cut into waves."""

    def ifmap_image(self, place: Place, word: int, at: int) -> int:
        """Note the words of an input tile of every source, from ``word`` on; return the word behind them."""
        core = self.core
        tile = load_ifmap(self.run, place).astype(np.int64)
        # What a largest value must not come from is the least that an element holds.
        tile = np.maximum(tile, core.least)
        made, each = dict[int, Block](), core.ifmap_word // core.activation
        t, h, w = tile.shape[2:]
        for source in tile:
            for block in self.blocks_of(source):
                made[len(made)] = Block(word * each, len(block), 0, Window(extent=(t, h, w)))
                for bits in of_bits(block, core.activation, core.ifmap_word):
                    self.notes.happenings.append(Happening(at, "ifmap", word, bits))
                    word += 1
        self.blocks = made
        return word

    @property
    def beside(self) -> int:
        """Channels of a source that lie side by side: those of all lanes, a block of another's, or all."""
        problem = self.stage.problem
        return self.core.vector_lanes if problem.beside == "position" else self.stage.machine.block or problem.n

    def held(self, place: Place) -> dict[int, tuple[slice, int]]:
        """Return, by their first channel, channels of a source that lie side by side, and how many these are."""
        n, size = place.n.stop - place.n.start, self.beside
        parts = [(first, min(size, n - first)) for first in range(0, n, size)]
        return {first: (slice(place.n.start + first, place.n.start + first + many), many) for first, many in parts}

    def blocks_of(self, source: Ints) -> list[Ints]:
        """Return a source (channels, T, H, W) in blocks, each of elements in order."""
        where, lanes = self.stage.problem.beside, self.core.vector_lanes
        if where != "position":
            return [np.moveaxis(source, 0, -1).reshape(-1)]
        parts = [source[first : first + lanes] for first in range(0, len(source), lanes)]
        return [np.moveaxis(part, 0, -1).reshape(-1) for part in parts]

    def runs(self, place: Place) -> list[Run]:
        """Return the groups of a step: full ones, then those that are left of what lies side by side."""
        problem, lanes = self.stage.problem, self.core.vector_lanes
        n, size = place.n.stop - place.n.start, place.size
        if self.elsewhere:
            return [self._part(one, size) for one in parts_of(self.stage.machine, lanes, n, size)]
        side, _ = beside(plain_layer(problem), plain_array(self.stage.machine), n, *size)
        full = -(-side // lanes) - 1
        cut = [(full, lanes, 0), (1, side - full * lanes, full)]
        if problem.beside == "frame" and self.keeps:
            # Results of a descriptor begin at one place of a frame.
            cut = [(1, lanes, number) for number in range(full)] + cut[1:]
        if self.stage.computation.reduction == "running_mean":
            # The sum of so many frames is divided by their number: another descriptor says each.
            return [
                self._frame(frame, side, outputs, first + block)
                for blocks, outputs, first in cut
                for block in range(blocks)
                for frame in range(size[0])
            ]
        boxes = self.boxes(place)
        if len(boxes) > 1:
            # What is divided by another number is said by another descriptor, block by block.
            cut = [(1, outputs, first + block) for blocks, outputs, first in cut for block in range(blocks)]
        return [
            self._run(place, (side, blocks, outputs, first), box)
            for blocks, outputs, first in cut
            if blocks
            for box in boxes
        ]

    def begins_at(self) -> Lie:
        """Return where in a ring of frames lies what the step looks at first."""
        held = next(iter(self.blocks.values()))
        lie = held.window.place((0, 0, 0), held.channels) if held.window else NOWHERE
        return lie if lie.axis == 0 else NOWHERE

    def boxes(self, place: Place) -> list[Box]:
        """Return the outputs of a step in boxes, in order, each of which has means of as many values."""
        if self.stage.computation.divisors is None:
            return [Box((0, 0, 0), place.size, self.stage.problem.clip_frames)]
        t, h, w = (slice(first, first + many) for first, many in zip(place.origin, place.size, strict=True))
        return list(alike(self.stage.computation.divisors[t, h, w]))

    def _frame(self, frame: int, side: int, outputs: int, first: int) -> Run:
        """Return a group of a frame, of ``side`` elements, that is the mean of all up to it."""
        base, ones, none = self.begins[0] + frame * side + first * self.core.vector_lanes, (1, 1, 1), (0, 0, 0)
        return Run(1, outputs, base, NOWHERE, side, ones, none, ones, none, by=frame + 1)

    def _run(self, place: Place, cut: tuple[int, int, int, int], box: Box) -> Run:
        (side, blocks, outputs, first), (origin, size, by) = cut, box
        problem, lanes = self.stage.problem, self.core.vector_lanes
        taps, steps = (1, 1, 1), (0, 0, 0)
        if problem.beside == "all" and (lie := self.begins_at()).along:
            # Of a ring frames that came before are not looked at.
            lie, along = lie._replace(along=lie.along + first * lanes), (1, 1, blocks)
            return Run(blocks, outputs, self.begins[0], lie, lanes, along, (0, 0, lanes), taps, steps)
        if problem.beside == "all":
            return Run(blocks, outputs, self.begins[0] + first * lanes, NOWHERE, lanes, taps, steps, taps, steps)
        if problem.beside == "frame":
            along, both = (1, 1, size[0]), (1, 1, 2)
            step = (0, 0, side)
            base = self.begins[0] + first * lanes
            begin = first * lanes
            return Run(blocks * size[0], outputs, base, NOWHERE, lanes, along, step, both, step, begin=begin, by=by)
        held = next(iter(self.blocks.values())).window
        assert held is not None  # noqa: S101  # every tile has one
        pitches, window = held.sizes(outputs)[1:], list(problem.kernel)
        if problem.reduces_frames:
            window[0] = place.c.stop - place.c.start
        apart = self.begins[1] - self.begins[0] if len(self.begins) > 1 else 0
        return Run(
            blocks * math.prod(size), outputs, self.begins[first], held.place(_times(origin, problem.stride), outputs),
            apart, size, _times(problem.stride, pitches), (window[0], window[1], window[2]),
            _times(problem.dilation, pitches), by=by,
        )  # fmt: skip

    def _part(self, part: Part, size: Triple) -> Run:
        """Return groups of a sum or product, of operands that lie in an order of their own."""
        first, (_, h, w) = self.blocks[0], size
        # In blocks of so many channels, but for the last, and in each positions in order.
        whole, wide = self.beside, part.channels
        pitch = first.pitch
        base = first.base + part.first // whole * pitch + part.first % whole + part.offset
        steps = part.steps((h * w * wide, w * wide, wide), self.core.vector_lanes)
        along = part.rows(size)
        return Run(
            part.groups(size), part.outputs, base, NOWHERE, pitch, along, steps, (1, 1, 1), (0, 0, 0), part
        )  # fmt: skip

    def fields_elsewhere(self, run: Run) -> dict[str, int]:
        """Return what a descriptor says of an operand in an order of its own."""
        if not self.elsewhere or not run.part:
            return {}
        (block, begin, tag), part = self.elsewhere, run.part
        window = block.window
        assert window is not None  # noqa: S101  # what several layers look at has one
        number, among = divmod(begin + part.first, block.channels)
        lie = window.place((0, 0, 0), block.channels)
        # Of a ring that ends between channels of a position these lie on either side of the end.
        offset = among + part.offset
        _, *pitches = window.sizes(block.channels)
        steps = part.steps((pitches[0], pitches[1], pitches[2]), self.core.vector_lanes)
        return {
            "elsewhere": 1,
            "other_tag": (tag or 0) + lie.lap,
            "other_base": block.base + number * block.pitch + lie.first + (0 if lie.ring else offset),
            "other_block": block.pitch,
            "other_along": lie.along + offset if lie.ring else 0,
            "other_ring": lie.ring,
            "other_axis": lie.axis,
        } | {f"other_{axis}": step for axis, step in zip("thw", steps, strict=True)}

    def step(self, place: Place, ends: tuple[bool, bool], fresh: Fresh, **common: int) -> None:
        """Note the descriptors of a step, and where its results go."""
        computation, runs = self.stage.computation, self.runs(place)
        outputs = self.outputs_of(place)
        for i, run in enumerate(runs):
            flags = raised(
                first=i == 0,
                last=i == len(runs) - 1,
                new_ifmap=fresh.ifmap and i == 0,
                waits=fresh.waits and i == 0,
                inner=self.reads is not None,
                keeps=self.keeps is not None,
                mixed=self.is_mixed,
                relu=computation.activation == "relu",
                sums_in=not ends[0],
                sums_out=not ends[1],
                divides=ends[1] and computation.reduction in MEANS,
            )
            if run.part:
                here = run.part.outputs_of(self.flat(place))
            else:
                here, outputs = np.split(outputs, [run.groups * run.outputs])
            made = {
                **self.fields_of(run), **self.fields_elsewhere(run), **self.kept(place, run), **self.finishing(ends[1]),
                **self.drained(run, here, ends),
            }  # fmt: skip
            self.notes.waves.append(packed({**common, "flags": flags, **made}))

    def fields_of(self, run: Run) -> dict[str, int]:
        """Return what a descriptor says of what groups read, and what becomes of it."""
        stage = self.stage
        words = -(-run.outputs * self.core.activation // self.word)
        if self.reads is None:
            self.notes.patch = max(self.notes.patch, words)
        else:
            self.notes.inner = max(self.notes.inner, words)
            self.notes.patch = max(self.notes.patch, self.other_words(run))
        sources, runs_on = self.sources, stage.computation.reduction == "running_mean"
        fields = {
            "vector": FIRST_OF_MEAN if runs_on and run.by == 1 else KINDS[stage.computation.reduction],
            # The quotient of a running mean takes its group a cycle.
            "transforms_in": 2 * runs_on,
            "repeats": run.groups,
            "rounds": sources * math.prod(run.taps),
            # The controller counts the longer of both.
            "ifmap_words": max(words, self.other_words(run)),
            "run": words,
            "other_run": self.other_words(run),
            "run_rows": 1,
            "run_frames": 1,
            "ifmap_base": run.base + run.lie.first,
            **self.in_ring(run.lie),
            "in_stages": stage.adders[0],
            "out_stages": stage.adders[1],
            # A round has no weights: what is counted is the word that is read beside.
            "weight_words": 1,
            "groups": math.prod(run.taps),
            "groups_h": run.taps[1],
            "groups_w": run.taps[2],
            # From any place to any other: an address is as long as the field.
            "block_pitch": (self.begins[1] - self.begins[0]) % (1 << 32) if sources > 1 and not run.part else 0,
            "beside": math.prod(run.beside),
            "beside_h": run.beside[1],
            "beside_w": run.beside[2],
            "next_block": run.block,
            "taps_t": 1,
            "taps_h": 1,
            "taps_w": 1,
            "depths": 1,
            "outputs": run.outputs,
        }
        # From the last along an inner axis the next one begins anew.
        for axis, name in enumerate("thw"):
            fields |= {f"next_{name}": run.steps[axis], f"group_{name}": run.tap_steps[axis]}
        return fields | self.division(run.by)

    def kept(self, place: Place, run: Run) -> dict[str, int]:
        """Return what a descriptor says of where results go, if not to DRAM: as those of tiles of one output."""
        if self.keeps is None:
            return {}
        is_apart, first = self.stage.problem.beside == "position", 0
        rows = run.outputs if is_apart else place.n.stop - place.n.start
        tiles = {f"tiles_{name}": size for name, size in zip("thw", place.size, strict=True)}
        ones = {f"left_{name}": 1 for name in "thw"}
        if run.part and run.part.apart < 3:
            rows, first = run.part.channels, run.part.first
        elif run.part:
            rows, first = run.outputs, run.part.first + run.part.offset
        runs = run.part.begin(place.size) if run.part else Runs()
        if self.stage.problem.beside == "frame":
            runs = runs_from(OF_FRAMES, run.begin, rows, place.size)
        return tiles | ones | self.kept_fields((0, 0, 0), place.size, first, rows, runs)

    def operand_words(self, run: Run) -> int:
        """Return the words of all operands of a group."""
        words = -(-run.outputs * self.core.activation // self.word)
        return words * (1 if self.is_mixed else self.sources) * math.prod(run.taps)

    def division(self, by: int) -> dict[str, int]:
        """Return how means of so many values are made of sums, of layers that have any."""
        notes = self.notes
        if self.stage.computation.reduction not in MEANS:
            return {}
        number = notes.divisions.setdefault(by, len(notes.divisions))
        inverse, offset, shift = inverse_of(by, self.core.activation)
        notes.divided = max(notes.divided, self.core.activation + (by - 1).bit_length())
        notes.inverse = max(notes.inverse, inverse.bit_length())
        return {"division": number, "inverse": inverse, "offset": offset, "inverse_shift": shift}

    def outputs_of(self, place: Place) -> Ints:
        """Return the outputs of a step in the order in which its groups hold them."""
        problem, lanes, flat = self.stage.problem, self.core.vector_lanes, self.flat(place)
        if problem.beside == "all":
            return np.moveaxis(flat, 0, -1).reshape(-1)
        frames = np.moveaxis(flat, 0, -1).reshape(flat.shape[1], -1)
        rows = frames.T if problem.beside == "frame" else flat.reshape(len(flat), -1)
        # What lies side by side is cut into blocks of lanes; in each come positions, or frames, in order.
        return np.concatenate([rows[first : first + lanes].T.reshape(-1) for first in range(0, len(rows), lanes)])

    def flat(self, place: Place) -> Ints:
        """Return the outputs of a step (N, T, H, W)."""
        problem = self.stage.problem
        ranges = [np.arange(one.start, one.stop) for one in place.outputs(problem)]
        return np.asarray(np.ravel_multi_index(np.ix_(*ranges), (problem.groups * problem.n, *problem.out)))

    def drained(self, run: Run, outputs: Ints, ends: tuple[bool, bool]) -> dict[str, int]:
        """Note which ``outputs`` the words of groups hold; return what a descriptor says of these words."""
        core, problem = self.core, self.stage.problem
        sums = -(-run.outputs * problem.accumulator_bits // core.ofmap_word) if ends != (True, True) else 0
        words = -(-run.outputs // core.results) if ends[1] else 0
        sums_base, base = self.next_sums, self.next_word
        for group in outputs.reshape(-1, run.outputs):
            for i in range(0, run.outputs if ends[1] else 0, core.results):
                self.notes.results.append(Results(self.number, self.next_word, group[i : i + core.results]))
                self.next_word += 1
        self.next_sums += run.groups * sums
        self.notes.sums = max(self.notes.sums, sums)
        drained = sums * ((not ends[0]) + (not ends[1])) + words
        self.notes.drained_words += run.groups * drained
        return {
            **self.turns(self.operand_words(run), drained),
            "ofmap_base": base if ends[1] else sums_base, "sums_base": sums_base,
            "result_words": words if ends[1] else sums, "sum_words": sums, "bias": self.no_bias(),
        }  # fmt: skip

    def no_bias(self) -> int:
        """Return the word of biases that are 0."""
        known = self.notes.bias_words
        if () not in known:
            known[()] = len(known)
            self.notes.happenings.append(Happening(0, "bias", known[()], 0))
        return known[()]


def _times(one: Sequence[int], other: Sequence[int]) -> Triple:
    t, h, w = (a * b for a, b in zip(one, other, strict=True))
    return t, h, w
