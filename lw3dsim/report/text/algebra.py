"""F(m, r) as a record: matrices, counts, widths and float error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from lw3dsim.algebra.accuracy import float32_error
from lw3dsim.algebra.costs import tile_cost
from lw3dsim.algebra.winograd import PointSet, gain, integers, points_of, signed_bits, transform
from lw3dsim.base.records import Record, figure
from lw3dsim.report.terminal import Part, Table, figures, name

if TYPE_CHECKING:
    from lw3dsim.algebra.winograd import Matrix


Rows = tuple[tuple[str, ...], ...]


class AlgebraRecord(Record, frozen=True, kw_only=True):
    """What F(m, r) costs. Widths are worst cases in scaled integers."""

    m: int
    r: int
    dims: int
    points: str
    bits: Annotated[int, figure("width of signed operands")]
    finite_points: tuple[str, ...]
    AT: Rows
    G: Rows
    BT: Rows
    mults: int
    direct_macs: int
    data_ops: Annotated[int, figure("additions of a tile: shifts free, common subexpressions shared")]
    data_ops_plain: Annotated[int, figure("the same without sharing")]
    data_depth: Annotated[int, figure("adders in a row")]
    weight_ops: int
    weight_ops_plain: int
    weight_depth: int
    output_ops: int
    output_ops_plain: int
    output_depth: int
    data_bits: int
    weight_bits: int
    product_bits: int
    output_bits: Annotated[int, figure("width before the division by ``scale``")]
    scale: int
    float32_error: Annotated[float, figure("mean L1 error of a tile, operands uniform in [-1, 1]")]


def algebra_record(m: int, r: int, dims: int, points: PointSet, bits: int) -> AlgebraRecord:
    """Return what F(m, r) in ``dims`` dimensions on ``points`` costs with signed ``bits``-wide operands."""
    t = transform(m, r, points)
    largest = 2 ** (bits - 1) - 1
    data, weight = gain(t.BT) ** dims, gain(t.G) ** dims
    product = largest * largest * data * weight
    adds = {part: tile_cost((integers(of),) * dims) for part, of in (("data", t.BT), ("weight", t.G), ("output", t.AT))}
    return AlgebraRecord(
        m=m,
        r=r,
        dims=dims,
        points=points,
        bits=bits,
        finite_points=tuple(map(str, points_of(t.n, points))),
        AT=_texts(t.AT),
        G=_texts(t.G),
        BT=_texts(t.BT),
        mults=t.n**dims,
        direct_macs=(m * r) ** dims,
        **{f"{part}_ops": cost.shared for part, cost in adds.items()},
        **{f"{part}_ops_plain": cost.plain for part, cost in adds.items()},
        **{f"{part}_depth": cost.depth for part, cost in adds.items()},
        data_bits=signed_bits(largest * data),
        weight_bits=signed_bits(largest * weight),
        product_bits=signed_bits(product),
        output_bits=signed_bits(product * gain(t.AT) ** dims),
        scale=t.scale**dims,
        float32_error=float32_error(m, r, dims, points),
    )


def _texts(matrix: Matrix) -> Rows:
    return tuple(tuple(map(str, row)) for row in matrix)


def algebra_tables(record: AlgebraRecord) -> list[Part]:
    """Return the record as tables and lines for a terminal."""
    size = "x".join([str(record.m)] * record.dims) + ", " + "x".join([str(record.r)] * record.dims)
    parts: list[Part] = [f"F({size}) on {', '.join(record.finite_points)} and infinity"]
    for matrix, rows in (("BT", record.BT), ("G", record.G), ("AT", record.AT)):
        # A matrix is a figure of its own: no column of it is left out.
        width = max(len(entry) for row in rows for entry in row)
        parts += ["", f"{matrix} =", *("  " + "  ".join(entry.rjust(width) for entry in row) for row in rows)]
    saved = record.direct_macs / record.mults
    parts += ["", f"{record.mults} multiplications for {record.direct_macs} direct ({saved:.2f} times fewer)", ""]
    adders = (
        ("data", record.data_ops, record.data_ops_plain, record.data_depth, record.data_bits),
        ("weight", record.weight_ops, record.weight_ops_plain, record.weight_depth, record.weight_bits),
        ("output", record.output_ops, record.output_ops_plain, record.output_depth, record.output_bits),
    )
    costs = Table(
        columns=(name("transform"), *figures("additions", "unshared", "depth", "bits")),
        rows=[(part, *map(str, counts)) for part, *counts in adders],
        importance=("additions", "bits", "depth", "unshared"),
    )
    parts += [costs, "", f"product {record.product_bits} bits; outputs are scaled by {record.scale}"]
    parts.append(f"float32: mean L1 error of a tile {record.float32_error:.3g} (operands uniform in [-1, 1])")
    return parts
