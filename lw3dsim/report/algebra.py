"""F(m, r) as a record: matrices, counts, widths and float error."""

from __future__ import annotations

from typing import Any

from lw3dsim.algebra.accuracy import float32_error
from lw3dsim.algebra.costs import tile_cost
from lw3dsim.algebra.winograd import PointSet, common_denominator, gain, integers, points_of, signed_bits, transform


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
    record |= {name: [[str(entry) for entry in row] for row in getattr(t, name)] for name in ("AT", "G", "BT")}
    record["mults"] = t.n**dims
    record["direct_macs"] = (m * r) ** dims
    for name, matrix in (("data", t.BT), ("weight", t.G), ("output", t.AT)):
        cost = tile_cost((integers(matrix),) * dims)
        record |= {f"{name}_ops": cost.shared, f"{name}_ops_plain": cost.plain, f"{name}_depth": cost.depth}
    data, weight = gain(t.BT) ** dims, gain(t.G) ** dims
    product = largest * largest * data * weight
    record["data_bits"] = signed_bits(largest * data)
    record["weight_bits"] = signed_bits(largest * weight)
    record["product_bits"] = signed_bits(product)
    record["output_bits"] = signed_bits(product * gain(t.AT) ** dims)
    record["scale"] = (common_denominator(t.AT) * common_denominator(t.G) * common_denominator(t.BT)) ** dims
    record["float32_error"] = float32_error(m, r, dims, points)
    return record


def algebra_lines(record: dict[str, Any]) -> list[str]:
    """Return the record as lines for a terminal."""
    size = "x".join([str(record["m"])] * record["dims"]) + ", " + "x".join([str(record["r"])] * record["dims"])
    lines = [f"F({size}) on {', '.join(record['finite_points'])} and infinity"]
    for name in ("BT", "G", "AT"):
        rows = record[name]
        width = max(len(entry) for row in rows for entry in row)
        lines += ["", f"{name} ="] + ["  " + "  ".join(entry.rjust(width) for entry in row) for row in rows]
    saved = record["direct_macs"] / record["mults"]
    lines += ["", f"{record['mults']} multiplications for {record['direct_macs']} direct ({saved:.2f} times fewer)", ""]
    lines.append(f"{'transform':<10}{'additions':>10}{'unshared':>10}{'depth':>7}{'bits':>6}")
    for name in ("data", "weight", "output"):
        lines.append(
            f"{name:<10}{record[f'{name}_ops']:>10}{record[f'{name}_ops_plain']:>10}{record[f'{name}_depth']:>7}"
            f"{record[f'{name}_bits']:>6}"
        )
    lines += ["", f"product {record['product_bits']} bits; outputs are scaled by {record['scale']}"]
    lines.append(f"float32: mean L1 error of a tile {record['float32_error']:.3g} (operands uniform in [-1, 1])")
    return lines
