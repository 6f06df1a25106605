"""The parameters of a core: what the accelerator file says, and what the layers need that are to run on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.values import Value
from lw3dsim.errors import InputError
from lw3dsim.technology.sram import buffers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.problem import Problem
    from lw3dsim.rtl.subject import Subject

# Stages that every core has: a buffer answers, staging registers take its word, lanes their operands.
LEAST_STAGES = 3


class Core(Value, frozen=True, kw_only=True):
    """A core, in the words of ``sv/lw_core.sv``; widths in bits, memories in words."""

    rows: int
    cols: int
    mults: int
    place_bits: int
    activation: int
    weight: int
    sum_bits: int
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
    ofmap_word: int
    ofmap_memory: int
    bias_memory: int
    vector_lanes: int

    @property
    def results(self) -> int:
        """Results of a word of the output buffer."""
        return self.ofmap_word // self.activation

    @property
    def back(self) -> int:
        """Cycles from the feed to the accumulators."""
        return self.latency + 1 + self.stages

    def check_room(self, name: str, words: int, subject: Subject) -> None:
        """Refuse a tile that needs more words than a slot has."""
        slots = getattr(subject.mapping, f"{name}_slots")
        if words > getattr(self, f"{name}_memory") // slots:
            raise InputError(f"{subject.name}: its {name} tile takes {words} words, a slot of this core has fewer")

    @property
    def parameters(self) -> dict[str, int]:
        """The parameters of the module."""
        return {
            "ROWS": self.rows,
            "COLS": self.cols,
            "MULTS": self.mults,
            "PLACE_BITS": self.place_bits,
            "ACTIVATION": self.activation,
            "WEIGHT": self.weight,
            "SUM": self.sum_bits,
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
            "OFMAP_WORD": self.ofmap_word,
            "OFMAP_WORDS": self.ofmap_memory,
            "BIAS_WORDS": self.bias_memory,
            "VECTOR_LANES": self.vector_lanes,
        }


def make_core(arch: Accelerator, problems: Sequence[Problem]) -> Core:
    """Return the core of an accelerator, wide enough for ``problems``. Raises InputError where there is none."""
    pe, precision, memories = arch.pe, arch.precision, arch.buffers
    if pe.pipeline_stages < LEAST_STAGES:
        raise InputError(
            f"{arch.name}: pe.pipeline_stages = {pe.pipeline_stages}: it has at least {LEAST_STAGES}: the answer of "
            "a buffer, its staging, the operands of a lane; raise it"
        )
    macros = buffers(arch)
    return Core(
        rows=pe.rows,
        cols=pe.cols,
        mults=pe.mults_per_pe,
        place_bits=max((pe.acc_depth - 1).bit_length(), 1),
        activation=precision.activation_bits,
        weight=max((one.weight_bits for one in problems), default=precision.weight_bits),
        sum_bits=max((one.register_bits for one in problems), default=precision.accumulator_bits),
        bias_bits=precision.accumulator_bits,
        stages=pe.pipeline_stages - LEAST_STAGES,
        latency=max(macros["ifmap"].access_cycles, macros["weight"].access_cycles),
        slots=memories.slots,
        ifmap_word=8 * memories.ifmap_port_bytes,
        ifmap_memory=_words(memories.ifmap_kib, memories.ifmap_port_bytes),
        ifmap_staged=64,
        weight_word=8 * memories.weight_port_bytes,
        weight_memory=_words(memories.weight_kib, memories.weight_port_bytes),
        weight_staged=64,
        ofmap_word=8 * memories.ofmap_port_bytes,
        ofmap_memory=_words(memories.ofmap_kib, memories.ofmap_port_bytes),
        bias_memory=256,
        vector_lanes=arch.vector_lanes,
    )


def _words(kib: int, port_bytes: int) -> int:
    return 16 * 1024 * kib // port_bytes
