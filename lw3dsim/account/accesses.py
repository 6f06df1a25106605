"""Accesses of a layer or fused group at every level of the memories, from the counts that its energy is made of.

A row is what one unit does at one level to one tensor. Energies of DRAM and of buffers are those of their causes
(:class:`lw3dsim.account.energy.EnergyCauses`); the files and registers of all layers of a group are one row. Rows of a
level sum to the energies of :data:`LEVEL_COMPONENTS`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from lw3dsim.account.dram import MOVED
from lw3dsim.account.energy import operand_parts_pj, staging_parts_pj
from lw3dsim.base.records import Amount, Count, Record, figure, one_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lw3dsim.account.energy import Causes, Sparsity, Stage
    from lw3dsim.account.events import Events
    from lw3dsim.describe.accelerator import Accelerator

# From far to near, with the components of energy that the rows of each sum to.
LEVEL_COMPONENTS = {
    "dram": MOVED,
    "ifmap_sram": ("ifmap_sram",),
    "weight_sram": ("weight_sram",),
    "ofmap_sram": ("ofmap_sram",),
    "staging": ("staging",),
    "operand_registers": ("operand_registers",),
    "accumulators": ("accumulators",),
}
LEVELS = tuple(LEVEL_COMPONENTS)
TENSORS = ("ifmap", "weight", "ofmap", "partial_sum", "intermediate")
UNITS = ("dma", "array", "drain")


class Access(Record, frozen=True, kw_only=True):
    """What one unit reads and writes at one level of one tensor. What is zero is not written."""

    level: Annotated[str, one_of(*LEVELS), figure("DRAM, a buffer, or files and registers of the array")]
    tensor: Annotated[str, one_of(*TENSORS), figure("the tensor; `intermediate` are those inside a fused group")]
    by: Annotated[str, one_of(*UNITS), figure("who asks; `array` stands for the vector unit as well")]
    reads: Annotated[Count, figure("bursts of DRAM, words of a buffer's port, elements in files and registers")] = 0
    writes: Annotated[Count, figure("likewise")] = 0
    read_bytes: Annotated[Count, figure("bytes read")] = 0
    write_bytes: Annotated[Count, figure("bytes written")] = 0
    energy_pj: Annotated[Amount, figure("energy; of accumulators with the additions")] = 0.0

    @property
    def place(self) -> tuple[str, str, str]:
        """Level, tensor and unit."""
        return self.level, self.tensor, self.by

    @property
    def bytes(self) -> int:
        """Bytes read and written."""
        return self.read_bytes + self.write_bytes


class Reuse(Record, frozen=True, kw_only=True):
    """How often a level serves the array with what it takes from, or gives to, the side of DRAM, in bytes."""

    level: str
    tensor: str
    above_bytes: Annotated[Count, figure("exchanged with the side of the array")]
    below_bytes: Annotated[Count, figure("exchanged with the side of DRAM")]

    @property
    def reuse(self) -> float:
        """Accesses above per access below."""
        return self.above_bytes / self.below_bytes


def accesses_of(
    stages: Sequence[Stage],
    events: Events,
    causes_pj: Mapping[str, Causes],
    arch: Accelerator,
    sparsities: Sequence[Sparsity],
    burst_bytes: int,
) -> tuple[Access, ...]:
    """Return the accesses of a layer or group with these ``events`` and energies by component and cause."""
    rows = [
        *_dram(events, causes_pj, burst_bytes),
        *_buffers(events, causes_pj),
        *_array(stages, causes_pj, arch, sparsities),
    ]
    return tuple(row for row in rows if row.bytes or row.energy_pj)


def summed_accesses(parts: Iterable[Sequence[Access]]) -> tuple[Access, ...]:
    """Return the sums of accesses, those of DRAM first."""
    found: dict[tuple[str, str, str], list[Access]] = {}
    for rows in parts:
        for row in rows:
            found.setdefault(row.place, []).append(row)
    order = sorted(found, key=lambda place: (LEVELS.index(place[0]), TENSORS.index(place[1]), UNITS.index(place[2])))
    return tuple(
        Access(
            level=place[0],
            tensor=place[1],
            by=place[2],
            reads=sum(row.reads for row in found[place]),
            writes=sum(row.writes for row in found[place]),
            read_bytes=sum(row.read_bytes for row in found[place]),
            write_bytes=sum(row.write_bytes for row in found[place]),
            energy_pj=math.fsum(row.energy_pj for row in found[place]),
        )
        for place in order
    )


def reuses(rows: Sequence[Access]) -> tuple[Reuse, ...]:
    """Return the reuse at each level that is there, of each tensor in it."""
    known = {row.place: row for row in rows}
    zero = Access(level="dram", tensor="ifmap", by="dma")

    def at(level: str, tensor: str, by: str) -> Access:
        return known.get((level, tensor, by), zero)

    results, sums = at("ofmap_sram", "ofmap", "drain"), at("ofmap_sram", "partial_sum", "drain")
    inside = at("ofmap_sram", "intermediate", "drain")
    drained = results.write_bytes + sums.write_bytes + inside.write_bytes
    pairs = [
        *(
            (f"{name}_sram", name, at(f"{name}_sram", name, "array").read_bytes, at(f"{name}_sram", name, "dma").bytes)
            for name in ("ifmap", "weight")
        ),
        ("ofmap_sram", "ofmap", results.bytes + sums.bytes, at("ofmap_sram", "ofmap", "dma").bytes),
        ("ofmap_sram", "intermediate", at("ofmap_sram", "intermediate", "array").read_bytes, inside.write_bytes),
        *(
            (
                "staging",
                name,
                at("operand_registers", name, "array").write_bytes,
                at("staging", name, "array").write_bytes,
            )
            for name in ("ifmap", "weight")
        ),
        ("accumulators", "partial_sum", at("accumulators", "partial_sum", "array").write_bytes, drained),
    ]
    return tuple(
        Reuse(level=level, tensor=tensor, above_bytes=above, below_bytes=below)
        for level, tensor, above, below in pairs
        if above and below
    )


def _dram(events: Events, causes_pj: Mapping[str, Causes], burst_bytes: int) -> Iterator[Access]:
    for tensor, moved in events.dram_bytes_breakdown.items():
        spent = math.fsum(causes_pj[component].get(tensor, 0.0) for component in MOVED)
        passed, none = (moved // burst_bytes, moved), (0, 0)
        read, written = (none, passed) if tensor == "ofmap" else (passed, none)
        yield _row(("dram", tensor, "dma"), spent, read=read, written=written)


def _buffers(events: Events, causes_pj: Mapping[str, Causes]) -> Iterator[Access]:
    e, ofmap = events, causes_pj["ofmap_sram"]
    for name, read, written in (
        ("ifmap", (e.ifmap_read_words, e.ifmap_read_bytes), (e.ifmap_write_words, e.ifmap_write_bytes)),
        ("weight", (e.weight_read_words, e.weight_read_bytes), (e.weight_write_words, e.weight_write_bytes)),
    ):
        level, causes = f"{name}_sram", causes_pj[f"{name}_sram"]
        yield _row((level, name, "dma"), causes["dma"], written=written)
        yield _row((level, name, "array"), causes["array"], read=read)
    # What leaves by DMA was written once as results; all else at the output buffer is partial sums.
    results = e.ofmap_dma_bytes
    yield _row(("ofmap_sram", "ofmap", "dma"), ofmap["dma"], read=(e.ofmap_dma_words, results))
    yield _row(("ofmap_sram", "ofmap", "drain"), ofmap["array"], written=(e.result_words, results))
    sums = e.partial_words, e.ofmap_read_bytes - results
    back = e.partial_words, e.ofmap_write_bytes - results
    yield _row(("ofmap_sram", "partial_sum", "drain"), ofmap["partial_sums"], read=sums, written=back)
    inside = e.intermediate_read_words, e.intermediate_read_bytes
    yield _row(("ofmap_sram", "intermediate", "array"), ofmap["intermediate_reads"], read=inside)
    inside = e.intermediate_write_words, e.intermediate_write_bytes
    yield _row(("ofmap_sram", "intermediate", "drain"), ofmap["intermediate_writes"], written=inside)


def _row(
    place: tuple[str, str, str], energy_pj: float, *, read: tuple[int, int] = (0, 0), written: tuple[int, int] = (0, 0)
) -> Access:
    """Return accesses and their bytes, at a level, of a tensor, by who asks."""
    level, tensor, by = place
    return Access(
        level=level,
        tensor=tensor,
        by=by,
        reads=read[0],
        writes=written[0],
        read_bytes=read[1],
        write_bytes=written[1],
        energy_pj=energy_pj,
    )


def _array(
    stages: Sequence[Stage], causes_pj: Mapping[str, Causes], arch: Accelerator, sparsities: Sequence[Sparsity]
) -> Iterator[Access]:
    """Yield what files and registers do: each is written and read once an access."""
    each = list(zip(stages, sparsities, strict=True))
    staged = [staging_parts_pj(stage.problem, stage.events, arch) for stage in stages]
    counted = [_operands(stage, sparsity, arch.product_stages) for stage, sparsity in each]
    spent = [operand_parts_pj(stage.problem, stage.events, arch, sparsity) for stage, sparsity in each]
    held = [_weights_staged(stage, arch) for stage in stages]
    inputs = [(stage.events.staged_inputs, stage.problem.activation_bits) for stage in stages]
    yield _file("staging", "ifmap", inputs, math.fsum(part[0] for part in staged))
    yield _file("staging", "weight", held, math.fsum(part[1] for part in staged))
    for place, tensor in enumerate(("ifmap", "weight", "partial_sum")):
        counts = [pair for one in counted for pair in one[tensor]]
        yield _file("operand_registers", tensor, counts, math.fsum(part[place] for part in spent))
    sums = [_sums(stage, sparsity) for stage, sparsity in each]
    yield _file("accumulators", "partial_sum", sums, causes_pj["accumulators"]["compute"])


def _operands(stage: Stage, sparsity: Sparsity, product_stages: int) -> dict[str, tuple[tuple[int, int], ...]]:
    """Return accesses and their bits: of operands, and of products in every stage; none where a zero gates them."""
    problem, events = stage.problem, stage.events
    mults = round(problem.algorithm.active_share(sparsity.data, sparsity.weight) * events.mults)
    return {
        "ifmap": ((mults, problem.data_bits),),
        "weight": ((mults, problem.weight_bits),),
        "partial_sum": ((product_stages * mults, problem.data_bits + problem.weight_bits),),
    }


def _sums(stage: Stage, sparsity: Sparsity) -> tuple[int, int]:
    """Return accumulations and the bits of a sum; none where a zero gates them."""
    problem, events = stage.problem, stage.events
    active = 1.0 if events.tree_adds else problem.algorithm.active_share(sparsity.data, sparsity.weight)
    return round(active * events.accumulations), problem.register_bits


def _weights_staged(stage: Stage, arch: Accelerator) -> tuple[int, int]:
    """Return the weights that are written to staging files, and the bits of one as it is stored."""
    problem = stage.problem
    is_transformed = problem.algorithm.is_winograd and arch.winograd.weight_transform != "onchip"
    bits = problem.weight_bits if is_transformed else problem.factor_bits
    return (8 * stage.events.weight_read_bytes // bits if problem.has_weights else 0, bits)


def _file(level: str, tensor: str, counts: Sequence[tuple[int, int]], energy_pj: float) -> Access:
    """Return accesses of so many elements of so many bits, by the array."""
    elements, size = sum(count for count, _ in counts), -(-sum(count * bits for count, bits in counts) // 8)
    return Access(
        level=level,
        tensor=tensor,
        by="array",
        reads=elements,
        writes=elements,
        read_bytes=size,
        write_bytes=size,
        energy_pj=energy_pj,
    )
