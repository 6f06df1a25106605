"""The program of a layer for a core: descriptors, memory images and what DMA does when, made from its schedule."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.arithmetic.machine import Execution, load_ifmap
from lw3dsim.arithmetic.place import Place
from lw3dsim.base.values import Value
from lw3dsim.map.layer.mapping import output_axis
from lw3dsim.rtl.covered import grid_steps
from lw3dsim.rtl.fields import FIRST, LAST, NEW_IFMAP, NEW_WEIGHT, RELU, TREE, packed
from lw3dsim.rtl.waves import waves_of
from lw3dsim.rtl.words import of_bits, patch_axis

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints
    from lw3dsim.machine.problem import Problem
    from lw3dsim.rtl.design import Core
    from lw3dsim.rtl.subject import Subject
    from lw3dsim.rtl.waves import Wave


class Happening(NamedTuple):
    """What DMA does at the begin of a cycle: words that it has written, a tile that has arrived, room that it made."""

    cycle: int
    kind: str
    number: int
    word: int = 0


class CoreProgram(Value, frozen=True, kw_only=True, eq=False):
    """A program of a core, and what it should do: ``steps`` and per wave the elements of its words."""

    waves: list[int]
    happenings: list[Happening]
    results: list[Ints]
    addresses: list[int]
    limit: int


class _Maker:
    """Makes a program, step by step."""

    def __init__(self, subject: Subject, core: Core) -> None:
        self.subject, self.core = subject, core
        self.run = Execution(
            problem=subject.problem, machine=subject.machine, number=subject.number,
            computation=subject.computation, sources=subject.sources, output=np.zeros(0), written=np.zeros(0),
        )  # fmt: skip
        self.waves: list[int] = []
        self.happenings: list[Happening] = []
        self.results: list[Ints] = []
        self.addresses: list[int] = []
        self.next_word = 0
        self.bias_words: dict[tuple[int, ...], int] = {}

    def places(self) -> list[Place]:
        problem, mapping, loops = self.subject.problem, self.subject.mapping, self.subject.schedule.loops
        axis = output_axis(problem, 0, mapping.t)
        indices = np.stack([getattr(loops, name) for name in "gnthwc"], axis=1).tolist()
        return [
            Place.of(problem, mapping, g, n, (int(axis.first[t]), int(axis.outputs[t])), (h, w), c)
            for g, n, t, h, w, c in indices
        ]

    def make(self) -> CoreProgram:
        subject, schedule, trace = self.subject, self.subject.schedule, self.subject.trace
        places = self.places()
        ifmap_of, weight_of = (_tile_of(loads.first, len(places)) for loads in (schedule.ifmap, schedule.weight))
        patches: dict[int, int] = {}
        kernels: dict[int, int] = {}
        setup = schedule.setup_cycles
        fill = subject.machine.fill_cycles
        for store, _opens in enumerate(schedule.ofmap.opens.tolist()):
            gate = int(schedule.ofmap.after[store])
            if gate >= 0:
                at = max(subject.cycle(trace.ofmap.ready[gate]) - fill, 0)
                self.happenings.append(Happening(at, "room", gate + 1))
        store_of = {int(step): i for i, step in enumerate(schedule.ofmap.opens)}
        stores = _tile_of(schedule.ofmap.opens, len(places))
        for step, place in enumerate(places):
            new_i, new_w = step in set(schedule.ifmap.first.tolist()), step in set(schedule.weight.first.tolist())
            tile_i, tile_w = int(ifmap_of[step]), int(weight_of[step])
            slot_i, slot_w = tile_i % subject.mapping.ifmap_slots, tile_w % subject.mapping.weight_slots
            waves = list(waves_of(subject.problem, subject.machine, place))
            if new_i:
                base = slot_i * (self.core.ifmap_memory // subject.mapping.ifmap_slots)
                patches = self.ifmap_image(
                    place, waves, base, max(subject.cycle(trace.ifmap.ready[tile_i]), setup), slot_i
                )
            if new_w:
                base = slot_w * (self.core.weight_memory // subject.mapping.weight_slots)
                kernels = self.weight_image(
                    place, waves, base, max(subject.cycle(trace.weight.ready[tile_w]), setup), slot_w
                )
            gate = int(schedule.ofmap.after[store_of[step]]) if step in store_of else -1
            slot = int(stores[step]) % subject.mapping.ofmap_slots
            self.next_word = slot * (self.core.ofmap_memory // subject.mapping.ofmap_slots)
            for i, wave in enumerate(waves):
                self.wave(
                    place, wave, patches, kernels,
                    flags=((i == 0) << FIRST) | ((i == len(waves) - 1) << LAST)
                    | ((new_i and i == 0) << NEW_IFMAP) | ((new_w and i == 0) << NEW_WEIGHT),
                    slots=slot_i | slot_w << 3, need_ifmap=tile_i + 1, need_weight=tile_w + 1, need_room=gate + 1,
                )  # fmt: skip
        last = subject.cycle(trace.finish)
        return CoreProgram(
            waves=self.waves, happenings=sorted(self.happenings, key=lambda one: one.cycle), results=self.results,
            addresses=self.addresses, limit=2 * last + 10000,
        )  # fmt: skip

    def ifmap_image(self, place: Place, waves: list[Wave], base: int, at: int, slot: int) -> dict[int, int]:
        """Note the words of an input tile; return the first word of each wave's patch."""
        problem, machine, core = self.subject.problem, self.subject.machine, self.core
        tile = load_ifmap(self.run, place)[0].astype(np.int64)
        first: dict[int, int] = {}
        together, word = min(machine.chunk, len(tile)), base
        for wave in waves:
            if wave.number in first:
                continue
            first[wave.number] = word
            along = [
                patch_axis(problem, d, begin, count)
                for d, (begin, count) in enumerate(zip(wave.begin, wave.tiles, strict=True))
            ]
            patch = tile[(slice(None), *np.ix_(*along))].reshape(len(tile), -1)
            for c in range(0, len(tile), machine.chunk):
                values = np.zeros((patch.shape[1], together), dtype=np.int64)
                part = patch[c : c + machine.chunk].T
                values[:, : part.shape[1]] = part
                for bits in of_bits(values.reshape(-1), problem.activation_bits, core.ifmap_word):
                    self.happenings.append(Happening(at, "ifmap", word, bits))
                    word += 1
        self.happenings.append(Happening(at, "ifmap_tile", slot))
        core.check_room("ifmap", word - base, self.subject)
        return first

    def weight_image(self, place: Place, waves: list[Wave], base: int, at: int, slot: int) -> dict[int, int]:
        """Note the words of a weight tile; return the first word of each channel pass."""
        problem, machine, core, computation = (
            self.subject.problem, self.subject.machine, self.core, self.subject.computation
        )  # fmt: skip
        assert computation.weights is not None  # noqa: S101  # of a layer with weights
        origin = place.group * problem.n + place.n.start
        kernels = computation.weights[origin : origin + place.n.stop - place.n.start, place.c].astype(np.int64)
        kernels = kernels.reshape(*kernels.shape[:2], -1)  # (n, c, taps)
        first: dict[int, int] = {}
        together, word = min(machine.chunk, kernels.shape[1]), base
        for wave in waves:
            if wave.channel in first:
                continue
            first[wave.channel] = word
            rows = kernels[wave.channel : wave.channel + wave.channels]
            for c in range(0, rows.shape[1], machine.chunk):
                values = np.zeros((len(rows), rows.shape[2], together), dtype=np.int64)
                part = rows[:, c : c + machine.chunk].transpose(0, 2, 1)
                values[..., : part.shape[2]] = part
                for bits in of_bits(values.reshape(-1), problem.weight_bits, core.weight_word):
                    self.happenings.append(Happening(at, "weight", word, bits))
                    word += 1
        self.happenings.append(Happening(at, "weight_tile", slot))
        core.check_room("weight", word - base, self.subject)
        return first

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

    def wave(self, place: Place, wave: Wave, patches: dict[int, int], kernels: dict[int, int], **more: int) -> None:
        """Note the descriptor of a wave, and where its results go."""
        problem, machine, subject = self.subject.problem, self.subject.machine, self.subject
        tree = subject.mapping.parallel == "channel" and machine.chunk > 1
        channels = place.c.stop - place.c.start
        together, rounds = min(machine.chunk, channels), -(-channels // machine.chunk)
        depths = -(-wave.many // machine.lanes)
        last = wave.many - (depths - 1) * machine.lanes
        more["flags"] |= (tree << TREE) | ((subject.computation.activation == "relu") << RELU)
        self.waves.append(
            packed(
                {
                    **more,
                    **self.words_of(wave, together),
                    **_taps_of(problem, wave, together),
                    "rounds": rounds,
                    "ifmap_base": patches[wave.number],
                    "weight_base": kernels[wave.channel],
                    "depths": depths,
                    "tiles_w": wave.tiles[2],
                    "tiles_h": wave.tiles[1],
                    "together": together,
                    "last_channels": channels - (rounds - 1) * machine.chunk if tree else 1,
                    "last_lanes": last,
                    "rows": wave.channels,
                    "results": wave.channels * machine.lanes,
                    "last_results": wave.channels * last,
                    "ofmap_base": self.next_word,
                    "shift": subject.shift,
                    "bias": self.bias_of(place, wave),
                }
            )
        )
        self.note_results(place, wave, depths)

    def words_of(self, wave: Wave, together: int) -> dict[str, int]:
        """Return the words of a round of a wave."""
        problem, core = self.subject.problem, self.core
        words = -(-math.prod(_reach(problem, wave)) * together * problem.activation_bits // core.ifmap_word)
        kernels = wave.channels * math.prod(problem.kernel) * together * problem.weight_bits
        return {
            "ifmap_words": words,
            "weight_words": -(-kernels // core.weight_word),
            "ifmap_step": words,
            "run": words,
            "run_rows": 1,
            "run_frames": 1,
        }

    def note_results(self, place: Place, wave: Wave, depths: int) -> None:
        """Note which outputs the words of a wave hold, depth by depth, lanes outside of channels."""
        problem, machine = self.subject.problem, self.subject.machine
        n0 = place.group * problem.n + place.n.start + wave.channel
        along = [
            np.arange(o + begin, o + begin + count)
            for o, begin, count in zip(place.origin, wave.begin, wave.tiles, strict=True)
        ]
        shape = (problem.groups * problem.n, *problem.out)
        at = np.ravel_multi_index(np.ix_(np.arange(n0, n0 + wave.channels), *along), shape)
        tiles = at.reshape(wave.channels, -1).T  # (tiles, channels)
        for depth in range(depths):
            flat = tiles[depth * machine.lanes : (depth + 1) * machine.lanes].reshape(-1)
            for i in range(0, len(flat), self.core.results):
                self.results.append(flat[i : i + self.core.results])
                self.addresses.append(self.next_word)
                self.next_word += 1


def _reach(problem: Problem, wave: Wave) -> list[int]:
    return [len(patch_axis(problem, d, 0, many)) for d, many in enumerate(wave.tiles)]


def _taps_of(problem: Problem, wave: Wave, together: int) -> dict[str, int]:
    """Return the taps of a wave, and how far taps and tiles lie apart in its patch."""
    reach = _reach(problem, wave)
    pitches = (reach[1] * reach[2] * together, reach[2] * together, together)
    steps = [grid_steps(problem, d) for d in range(3)]
    fields = {"taps": math.prod(problem.kernel)}
    for name, taps, pitch, (step, tap) in zip("thw", problem.kernel, pitches, steps, strict=True):
        fields |= {f"taps_{name}": taps, f"tap_{name}": tap * pitch, f"pitch_{name}": step * pitch}
    return fields


def make_program(subject: Subject, core: Core) -> CoreProgram:
    """Return the program of a layer for ``core``. Raises InputError for what the core does not do."""
    return _Maker(subject, core).make()


def _tile_of(first: Ints, steps: int) -> Ints:
    """Return the tile of every step, where tiles begin with the ``first``."""
    tiles = np.zeros(steps, dtype=np.int64)
    tiles[first] = 1
    return np.cumsum(tiles) - 1
