"""Where a byte address lies: channel, bank group, bank, row, column.

A mapping is a text of fields from most to least significant, joined by ``-``. ``row``, ``bank`` and ``col``
are named; ``bankgroup`` sits directly below ``bank`` unless named, ``channel`` directly above the burst
offset, so that bursts alternate between channels. ``col`` counts bursts of a row. DRAMsim3's ``rochrababgco`` is
``row-bank-col``, its ``rochcorababg`` is ``row-col-bank``, for one channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.values import Value
from lw3dsim.errors import InputError, one_line, short, suggest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lw3dsim.describe.dram_standards import DramStandard

DEFAULT_MAPPING = "row-bank-col"
FIELDS = ("row", "bank", "bankgroup", "col", "channel")
MAX_CHANNELS = 64


class Location(Value, frozen=True, kw_only=True):
    """Places of bursts, one entry per address; ``bank`` counts within its bank group, ``column`` in bursts."""

    channel: NDArray[np.int64]
    bank_group: NDArray[np.int64]
    bank: NDArray[np.int64]
    row: NDArray[np.int64]
    column: NDArray[np.int64]


class AddressMap(Value, frozen=True, kw_only=True):
    """A mapping for a standard: ``fields`` most significant first, each with its number of values."""

    fields: tuple[tuple[str, int], ...]
    burst_bytes: int
    capacity_bytes: int

    def locate(self, addresses: NDArray[np.int64]) -> Location:
        """Return where the bursts at byte ``addresses`` lie; addresses must be below ``capacity_bytes``."""
        rest = addresses // self.burst_bytes
        digits = {}
        for field, size in reversed(self.fields):
            digits[field] = rest % size
            rest = rest // size
        return Location(
            channel=digits["channel"],
            bank_group=digits["bankgroup"],
            bank=digits["bank"],
            row=digits["row"],
            column=digits["col"],
        )


def address_map(text: str, standard: DramStandard, channels: int = 1) -> AddressMap:
    """Return the mapping that ``text`` names; raise InputError for a wrong field, a missing or a repeated one."""
    if not 1 <= channels <= MAX_CHANNELS:
        raise InputError(f"channels = {channels}: give 1 to {MAX_CHANNELS}")
    sizes = {
        "row": standard.rows,
        "bank": standard.banks_per_group,
        "bankgroup": standard.bank_groups,
        "col": standard.columns // standard.burst_length,
        "channel": channels,
    }
    return AddressMap(
        fields=tuple((field, sizes[field]) for field in _fields(text)),
        burst_bytes=standard.burst_bytes,
        capacity_bytes=standard.capacity_bytes * channels,
    )


def _fields(text: str) -> list[str]:
    names = text.split("-")
    place = f"address mapping {one_line(text) or repr(text)}"
    for name in names:
        if name not in FIELDS:
            raise InputError(f"{place}: unknown field {short(name)}; {suggest(name, FIELDS)}")
        if names.count(name) > 1:
            raise InputError(f"{place}: names {name} twice; name each field once")
    for name in ("row", "bank", "col"):
        if name not in names:
            raise InputError(f"{place}: the field {name} is missing; name row, bank and col, as in {DEFAULT_MAPPING}")
    if "bankgroup" not in names:
        names.insert(names.index("bank") + 1, "bankgroup")
    if "channel" not in names:
        names.append("channel")
    return names
