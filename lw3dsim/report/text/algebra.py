"""F(m, r) as a record: matrices, counts, widths and float error."""

from __future__ import annotations

from typing import Any

from lw3dsim.algebra.accuracy import float32_error
from lw3dsim.algebra.costs import tile_cost
from lw3dsim.algebra.winograd import PointSet, common_denominator, gain, integers, points_of, signed_bits, transform
from lw3dsim.report.terminal import Part, Table, figures, name


def algebra_record(m: int, r: int, dims: int, points: PointSet, bits: int) -> dict[str, Any]:
    """Return what F(m, r) in ``dims`` dimensions on ``points`` costs with signed ``bits``-wide operands.

    ``*_ops`` are additions of one tile (shifts free, common subexpressions
    shared), ``*_ops_plain`` the same without sharing, ``*_depth`` adders in a row.
    Widths are worst cases in scaled integers; ``output_bits`` is before the division by ``scale``.
    """
    t = transform(m, r, points)
    largest = 2 ** (bits - 1) - 1
    record: dict[str, Any] = {"m": m, "r": r, "dims": dims, "points": points, "bits": bits}
    record["finite_points"] = [str(point) for point in points_of(t.n, points)]
    record |= {key: [[str(entry) for entry in row] for row in getattr(t, key)] for key in ("AT", "G", "BT")}
    record["mults"] = t.n**dims
    record["direct_macs"] = (m * r) ** dims
    for part, matrix in (("data", t.BT), ("weight", t.G), ("output", t.AT)):
        cost = tile_cost((integers(matrix),) * dims)
        record |= {f"{part}_ops": cost.shared, f"{part}_ops_plain": cost.plain, f"{part}_depth": cost.depth}
    data, weight = gain(t.BT) ** dims, gain(t.G) ** dims
    product = largest * largest * data * weight
    record["data_bits"] = signed_bits(largest * data)
    record["weight_bits"] = signed_bits(largest * weight)
    record["product_bits"] = signed_bits(product)
    record["output_bits"] = signed_bits(product * gain(t.AT) ** dims)
    record["scale"] = (common_denominator(t.AT) * common_denominator(t.G) * common_denominator(t.BT)) ** dims
    record["float32_error"] = float32_error(m, r, dims, points)
    return record


def algebra_tables(record: dict[str, Any]) -> list[Part]:
    """Return the record as tables and lines for a terminal."""
    size = "x".join([str(record["m"])] * record["dims"]) + ", " + "x".join([str(record["r"])] * record["dims"])
    parts: list[Part] = [f"F({size}) on {', '.join(record['finite_points'])} and infinity"]
    for matrix in ("BT", "G", "AT"):
        rows = record[matrix]
        # A matrix is a figure of its own: no column of it is left out.
        width = max(len(entry) for row in rows for entry in row)
        parts += ["", f"{matrix} =", *("  " + "  ".join(entry.rjust(width) for entry in row) for row in rows)]
    saved = record["direct_macs"] / record["mults"]
    parts += ["", f"{record['mults']} multiplications for {record['direct_macs']} direct ({saved:.2f} times fewer)", ""]
    costs = Table(
        columns=(name("transform"), *figures("additions", "unshared", "depth", "bits")),
        rows=[
            (part, *(str(record[f"{part}_{key}"]) for key in ("ops", "ops_plain", "depth", "bits")))
            for part in ("data", "weight", "output")
        ],
        importance=("additions", "bits", "depth", "unshared"),
    )
    parts += [costs, "", f"product {record['product_bits']} bits; outputs are scaled by {record['scale']}"]
    parts.append(f"float32: mean L1 error of a tile {record['float32_error']:.3g} (operands uniform in [-1, 1])")
    return parts
