"""The parameters of a core: what the accelerator file says, and what the layers need that are to run on it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from lw3dsim.base.values import Value, replace
from lw3dsim.describe.accelerator import LEAST_STAGES
from lw3dsim.errors import InputError
from lw3dsim.machine.near import far_words, groups_of, kernel_words, lines_of, patch_words, power_of_two
from lw3dsim.machine.records import Triple  # noqa: TC001  # read where a value is made
from lw3dsim.technology.sram import buffers
from lw3dsim.technology.tables import CODE_BITS
from lw3dsim.transform.algorithms import Algorithm  # noqa: TC001  # read where a value is made

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.buffers import Buffers
    from lw3dsim.machine.problem import Problem
    from lw3dsim.rtl.notes import CoreProgram
    from lw3dsim.rtl.subject import Stage


class Core(Value, frozen=True, kw_only=True):
    """A core, in the words of ``sv/lw_core.sv``; widths in bits, memories in words."""

    rows: int
    cols: int
    mults: int
    place_bits: int
    activation: int
    weight: int
    plain: int
    own_inputs: int
    data: int
    sum_bits: int
    transform_bits: int
    result_bits: int
    algorithms: tuple[Algorithm, ...]
    weights: tuple[int, ...]
    rates: Triple
    onchip: int
    bias_bits: int
    stages: int
    latency: int
    slots: int
    ifmap_word: int
    ifmap_memory: int
    ifmap_staged: int
    weight_word: int
    weight_memory: int
    weight_staged: int
    reach: int
    near: int
    groups: int
    group: int
    ofmap_word: int
    ofmap_memory: int
    banks: int
    bias_memory: int
    partial_words: int
    vector_lanes: int
    vector: int
    products: int
    trg: int
    divided: int
    inverse: int
    divisions: int = 1
    tables: int = 0
    inner: int = 0
    inner_staged: int = 1
    inner_count: int = 1

    @property
    def results(self) -> int:
        """Results of a word of the output buffer."""
        return self.ofmap_word // self.activation

    @property
    def least(self) -> int:
        """The least value of an activation."""
        return -(1 << (self.activation - 1))

    def mode(self, algorithm: Algorithm) -> int:
        """Return the number of an algorithm, 0 of a direct one, -1 of one that the core has not."""
        if not algorithm.is_winograd:
            return 0
        shapes = [_shape(one) for one in self.algorithms]
        return shapes.index(_shape(algorithm)) + 1 if _shape(algorithm) in shapes else -1

    @property
    def parts(self) -> int:
        """Parts in which the PEs take the largest tile."""
        return max((-(-one.coordinates // self.mults) for one in self.algorithms), default=1)

    @property
    def places(self) -> int:
        """Elements that a column takes at once: of its tiles, or of all parts of one."""
        return self.parts * self.mults

    @property
    def outs(self) -> int:
        """Results that a PE has at a time: one of each multiplier, or those of a tile that is taken in parts."""
        return max(self.mults, *(one.outputs for one in self.algorithms), 1)

    @property
    def pickers(self) -> int:
        """Elements that all groups may take: no fewer than there are places in all columns."""
        return self.groups * self.group

    @property
    def spots(self) -> list[Triple]:
        """Where in a window there are elements, of all algorithms, but for the first."""
        found = {at for one in self.algorithms for line in lines_of(one, self.mults, 1) for _, at in line}
        return sorted(found - {(0, 0, 0)})

    @property
    def picked(self) -> int:
        """Outputs of which a word of the output buffer has a part, at most."""
        return max(self.results, -(-self.ofmap_word // self.result_bits) + 1)

    @property
    def grain(self) -> int:
        """Bits of which a word of weights, and the weights of every algorithm as they are stored, are multiples."""
        return math.gcd(self.weight_word, self.plain, *(() if self.onchip else self.weights))

    def back(self, stage: Stage) -> int:
        """Return the cycles from the feed to the accumulators, which the vector unit has behind all transforms."""
        ahead = stage.adders[0] if stage.problem.has_weights else sum(stage.adders)
        return self.latency + 1 + self.stages + ahead

    @property
    def parameters(self) -> dict[str, int]:
        """The parameters of the module."""
        return {
            "ROWS": self.rows,
            "COLS": self.cols,
            "MULTS": self.mults,
            "PLACE_BITS": self.place_bits,
            "OWN_INPUTS": self.own_inputs,
            "ACTIVATION": self.activation,
            "DATA": self.data,
            "WEIGHT": self.weight,
            "PLAIN": self.plain,
            "ONCHIP": self.onchip,
            "SUM": self.sum_bits,
            "RESULT": self.result_bits,
            "BIAS": self.bias_bits,
            "STAGES": self.stages,
            "LATENCY": self.latency,
            "SLOTS": self.slots,
            "IFMAP_WORD": self.ifmap_word,
            "IFMAP_WORDS": self.ifmap_memory,
            "IFMAP_STAGED": self.ifmap_staged,
            "WEIGHT_WORD": self.weight_word,
            "WEIGHT_WORDS": self.weight_memory,
            "WEIGHT_STAGED": self.weight_staged,
            "REACH": self.reach,
            "GRAIN": self.grain,
            "OFMAP_WORD": self.ofmap_word,
            "OFMAP_WORDS": self.ofmap_memory,
            "BANKS": self.banks,
            "BIAS_WORDS": self.bias_memory,
            "VECTOR_LANES": self.vector_lanes,
            "VECTOR": self.vector,
            "PRODUCTS": self.products,
            "TRG": self.trg,
            "DIVIDED": self.divided,
            "INVERSE": self.inverse,
            "DIVISIONS": self.divisions,
            "TABLES": self.tables,
            "PARTS": self.parts,
            "OUTS": self.outs,
            "PARTIAL_WORDS": self.partial_words,
            "INNER": self.inner,
            "INNER_STAGED": self.inner_staged,
            "STAGED_GRAIN": math.gcd(self.ifmap_word, self.ofmap_word) if self.inner else self.ifmap_word,
            "INNER_COUNT": self.inner_count,
            **self._tiles,
        }

    @property
    def _tiles(self) -> dict[str, int]:
        """What is taken in groups; the registers of transforms, at most, and which numbers there may be."""
        inner, outer = self._depths("BT"), self._depths("AT")
        return {
            "NEAR": self.near,
            "GROUPS": self.groups,
            "GROUP": self.group,
            "WINDOW": max(len(self.spots), 1),
            "IN_STAGES": max(inner),
            "OUT_STAGES": max(outer),
            "IN_DEPTHS": _mask(inner),
            "OUT_DEPTHS": _mask(outer),
            "BOTH_DEPTHS": _mask({one + other for one in inner for other in outer}),
        }

    def _depths(self, matrix: Literal["BT", "AT"]) -> set[int]:
        """Return the registers that a transform may take: those of an algorithm, in a group of the deepest."""
        return {0, *(one.stages(matrix) for one in self.algorithms)}


def _mask(numbers: set[int]) -> int:
    """Return a bit for each number."""
    return sum(1 << number for number in numbers)


def _shape(algorithm: Algorithm) -> tuple[Triple, Triple]:
    return algorithm.tile, algorithm.filter


# A core of no layers in particular makes means of up to 1024 values.
AVERAGED_BITS = 10

# Buffers of a core hold padding, and words that are not full: they have so many times the words of those of the
# accelerator, whose bits are counted.
ROOMS = 32

# What of a core is no less than what of the room that its programs need.
ROOM = {
    "ifmap_staged": "patch", "weight_staged": "kernels", "reach": "reach", "near": "near", "partial_words": "sums",
    "bias_memory": "biases", "inner": "elements", "inner_staged": "inner", "inner_count": "counted", "slots": "slots",
    "divided": "divided", "inverse": "inverse", "divisions": "divisions", "tables": "tables",
}  # fmt: skip


def fitted(core: Core, programs: Sequence[CoreProgram]) -> Core:
    """Return ``core`` with the room that ``programs`` need: for rounds, sums, biases, intermediate tensors."""
    needed = {name: max(int(getattr(program.room, of)) for program in programs) for name, of in ROOM.items()}
    needed |= {name: power_of_two(needed[name]) for name in ("reach", "near")}
    return replace(core, **{name: max(getattr(core, name), number) for name, number in needed.items()})


def make_core(arch: Accelerator, problems: Sequence[Problem]) -> Core:
    """Return the core of an accelerator, wide enough for ``problems``. Raises InputError where there is none."""
    pe, precision, memories = arch.pe, arch.precision, arch.buffers
    _check_stages(arch)
    macros, own = buffers(arch), any(one.structure == "grouped" for one in problems)
    stored = [] if arch.winograd.weight_transform == "onchip" else [one.weight_bits for one in problems]
    averaged = precision.activation_bits + AVERAGED_BITS
    found = list({_shape(one.algorithm): one for one in problems if one.algorithm.is_winograd}.values())
    groups = groups_of(arch, (one.algorithm for one in found), own_inputs=own)
    return Core(
        rows=pe.rows, cols=pe.cols, mults=pe.mults_per_pe,
        place_bits=max((pe.acc_depth - 1).bit_length(), 1),
        activation=precision.activation_bits,
        own_inputs=int(own),
        data=max((one.data_bits for one in problems), default=precision.activation_bits),
        weight=max((one.weight_bits for one in problems), default=precision.weight_bits),
        plain=precision.weight_bits,
        sum_bits=max((one.register_bits for one in problems), default=precision.accumulator_bits),
        transform_bits=max((one.transform_bits for one in problems), default=precision.accumulator_bits),
        result_bits=max((one.accumulator_bits for one in problems), default=precision.accumulator_bits),
        algorithms=tuple(one.algorithm for one in found),
        weights=tuple(one.weight_bits for one in found),
        rates=(arch.input_coords_per_cycle, arch.output_coords_per_cycle, arch.weight_coords_per_cycle),
        onchip=int(bool(found) and arch.winograd.weight_transform == "onchip"),
        bias_bits=precision.accumulator_bits,
        stages=arch.product_stages,
        latency=max(macros["ifmap"].access_cycles, macros["weight"].access_cycles),
        slots=memories.slots,
        ifmap_word=8 * memories.ifmap_port_bytes,
        ifmap_memory=_words(memories, "ifmap"),
        ifmap_staged=patch_words(arch),
        weight_word=8 * memories.weight_port_bytes,
        weight_memory=_words(memories, "weight"),
        weight_staged=kernel_words(arch, max([precision.weight_bits, *stored])),
        reach=power_of_two(far_words(arch, problems, own_inputs=own)),
        near=groups.reach, groups=groups.many, group=groups.size,
        ofmap_word=8 * memories.ofmap_port_bytes,
        ofmap_memory=_words(memories, "ofmap"),
        banks=memories.shared_banks if memories.shared_kib else 0,
        bias_memory=256,
        partial_words=1,
        vector_lanes=arch.vector_lanes,
        # Of no layers in particular a core has all units.
        vector=int(not problems or any(one.structure == "vector" for one in problems)),
        products=int(not problems or any(one.mix.products > one.mix.divides_sums for one in problems)),
        trg=int(not problems or any(one.means > 0 for one in problems)),
        divided=0 if problems else averaged,
        inverse=1 if problems else averaged,
        tables=int(not problems and precision.activation_bits <= CODE_BITS),
    )  # fmt: skip


def _check_stages(arch: Accelerator) -> None:
    if arch.pe.pipeline_stages < LEAST_STAGES:
        raise InputError(
            f"{arch.name}: pe.pipeline_stages = {arch.pe.pipeline_stages}: it has at least {LEAST_STAGES}: the answer "
            "of a buffer, its staging, the operands of a lane; raise it"
        )


def _words(memories: Buffers, name: str) -> int:
    """Return the words of a buffer, or all of a shared memory."""
    if memories.shared_kib is not None:
        return memories.shared_banks * bank_words(memories)
    return ROOMS * 1024 * int(getattr(memories, f"{name}_kib")) // int(getattr(memories, f"{name}_port_bytes"))


def bank_words(memories: Buffers) -> int:
    """Return the words of a bank of a shared memory."""
    return ROOMS * 1024 * memories.bank_kib // memories.shared_port_bytes
