"""What means are multiplied by in place of a division."""

from __future__ import annotations

import itertools


def inverse_of(by: int, bits: int) -> tuple[int, int, int]:
    """Return (m, c, s) so that (v m + c) >> s is v / ``by`` rounded half up, of sums v of ``by`` values of ``bits``.

    Let n be ``by``, m next to 2^s / n, and e = m n - 2^s. Of v = q n + r, where q is what v / n rounds to, so that
    -floor(n / 2) <= r < ceil(n / 2), v m + c is q 2^s + (q e + r m + c). The bracket has to stay within 0 and 2^s - 1
    for all |q| <= 2^(bits - 1): c makes up for the least of it, and the smallest s is taken that leaves room for the
    most. It needs m > e + 2^bits |e|, so that m has no more bits than v.
    """
    for shift in itertools.count((by - 1).bit_length()):
        inverse = ((2 << shift) // by + 1) // 2
        error = inverse * by - (1 << shift)
        strayed = abs(error) << (bits - 1)
        offset = by // 2 * inverse + strayed
        if strayed + (by - 1) // 2 * inverse + offset < 1 << shift:
            return inverse, offset, shift
    raise AssertionError("some power of two is near enough to a multiple")
