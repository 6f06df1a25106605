"""What a descriptor of a wave says: fields of 16 bits each, or two of them, as ``sv/lw_core.sv`` reads them."""

from __future__ import annotations

from typing import NamedTuple

FIELD_BITS = 16


class Field(NamedTuple):
    """A field from 16-bit place ``at`` on, ``wide`` places long."""

    at: int
    wide: int = 1


# Bits of the flags.
FIRST, LAST, NEW_IFMAP, NEW_WEIGHT, TREE, RELU = 0, 1, 2, 3, 5, 8

FIELDS = {
    "flags": Field(0),
    "slots": Field(1),
    "need_ifmap": Field(2, 2),
    "need_weight": Field(4, 2),
    "need_room": Field(6, 2),
    "ifmap_words": Field(8),
    "weight_words": Field(9),
    "rounds": Field(10),
    "ifmap_step": Field(11),
    "ifmap_base": Field(12, 2),
    "weight_base": Field(14, 2),
    "run": Field(16),
    "run_rows": Field(17),
    "run_frames": Field(18),
    "row_pitch": Field(19),
    "frame_pitch": Field(20),
    "taps_t": Field(21),
    "taps_h": Field(22),
    "taps_w": Field(23),
    "depths": Field(24),
    "tap_t": Field(25),
    "tap_h": Field(26),
    "tap_w": Field(27),
    "tiles_w": Field(28),
    "tiles_h": Field(29),
    "pitch_t": Field(30),
    "pitch_h": Field(31),
    "pitch_w": Field(32),
    "together": Field(33),
    "last_channels": Field(34),
    "last_lanes": Field(35),
    "rows": Field(36),
    "taps": Field(37),
    "results": Field(38),
    "last_results": Field(39),
    "ofmap_base": Field(40, 2),
    "shift": Field(42),
    "bias": Field(43),
}
PLACES = 48


def packed(values: dict[str, int]) -> int:
    """Return a descriptor as one number; what is not named is 0. Raises OverflowError for what does not fit."""
    word = 0
    for name, value in values.items():
        field = FIELDS[name]
        if not 0 <= value < 1 << (FIELD_BITS * field.wide):
            raise OverflowError(f"{name} = {value} has more than {FIELD_BITS * field.wide} bits")
        word |= value << (FIELD_BITS * field.at)
    return word
