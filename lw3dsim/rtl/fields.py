"""What a descriptor of a wave says: fields of 16 bits each, or two of them, as ``sv/lw_core.sv`` reads them."""

from __future__ import annotations

from typing import NamedTuple

FIELD_BITS = 16


class Field(NamedTuple):
    """A field from 16-bit place ``at`` on, ``wide`` places long."""

    at: int
    wide: int = 1


# Bits of the flags; the core raises opens, closes and begins. A wave that `waits` reads what the step before makes,
# one that reads `inner` has its patch in an intermediate tensor, one that `keeps` writes into one. Of a `mixed` one
# only the first operand is there, the other in the input buffer.
FLAGS = (
    "first", "last", "new_ifmap", "new_weight", "tree", "relu", "sums_in", "sums_out", "divides", "opens", "closes",
    "waits", "inner", "keeps", "mixed", "begins",
)  # fmt: skip

FIELDS = {
    "flags": Field(0),
    "slots": Field(1),
    "need_ifmap": Field(2, 2),
    "need_weight": Field(4, 2),
    "need_room": Field(6, 2),
    "ifmap_words": Field(8),
    "weight_words": Field(9),
    "rounds": Field(10),
    "run": Field(11),
    "run_rows": Field(12),
    "run_frames": Field(13),
    "row_pitch": Field(14, 2),
    "frame_pitch": Field(16, 2),
    "ifmap_base": Field(18, 2),
    "weight_base": Field(20, 2),
    "groups": Field(22),
    "groups_h": Field(23),
    "groups_w": Field(24),
    "group_t": Field(25, 2),
    "group_h": Field(27, 2),
    "group_w": Field(29, 2),
    "block_pitch": Field(31, 2),
    "taps_t": Field(33),
    "taps_h": Field(34),
    "taps_w": Field(35),
    "depths": Field(36),
    "tap_t": Field(37),
    "tap_h": Field(38),
    "tap_w": Field(39),
    "tiles_w": Field(40),
    "tiles_h": Field(41),
    "tiles_t": Field(42),
    "pitch_t": Field(43),
    "pitch_h": Field(44),
    "pitch_w": Field(45),
    "window_t": Field(46),
    "window_h": Field(47),
    "window_w": Field(48),
    "span": Field(49),
    "full_channels": Field(50),
    "last_channels": Field(51),
    "last_lanes": Field(52),
    "rows": Field(53),
    "row_place": Field(54),
    "taps": Field(55),
    "outputs": Field(56, 2),
    "left_t": Field(58),
    "left_h": Field(59),
    "left_w": Field(60),
    "transforms_in": Field(61),
    "transforms_out": Field(62),
    "ofmap_base": Field(63, 2),
    "shift": Field(65),
    "bias": Field(66),
    "mode": Field(67),
    "sums_base": Field(68, 2),
    "vector": Field(70),
    "repeats": Field(71, 2),
    "beside": Field(73),
    "beside_h": Field(74),
    "beside_w": Field(75),
    "next_block": Field(76, 2),
    "next_t": Field(78, 2),
    "next_h": Field(80, 2),
    "next_w": Field(82, 2),
    "result_words": Field(84),
    "sum_words": Field(85),
    # How means are made of sums, as `lw_divider` says.
    "inverse": Field(86, 2),
    "offset": Field(88, 3),
    "transforms_weights": Field(91),
    # Registers of the transforms in the pipeline.
    "in_stages": Field(92),
    "out_stages": Field(93),
    # Of a fused group: words at the port of outputs, in and out; which tile is read.
    "turns": Field(94, 2),
    "read_tag": Field(96),
    # Rings that are read: their elements, the place in the first, the axis.
    "ring": Field(97, 2),
    "ring_along": Field(99, 2),
    "ring_axis": Field(101),
    # Words of the other operand.
    "other_run": Field(102),
    "inverse_shift": Field(103),
    # Where the other operand lies that has an order of its own: as the first is described above.
    "elsewhere": Field(104),
    "other_tag": Field(105),
    "other_base": Field(106, 2),
    "other_block": Field(108, 2),
    "other_t": Field(110, 2),
    "other_h": Field(112, 2),
    "other_w": Field(114, 2),
    "other_ring": Field(116, 2),
    "other_along": Field(118, 2),
    "other_axis": Field(120),
    # Where the results of a wave go in an intermediate tensor, as `lw_places` reads it: the tag; what its channels and
    # runs are, along which axis rings lie, and positions to the end of one;
    "keep_tag": Field(121),
    "keep_rows": Field(122),
    "keep_among": Field(123),
    "keep_block": Field(124),
    "keep_behind_among": Field(125),
    "keep_from_among": Field(126),
    "keep_from_row": Field(127),
    "keep_from_w": Field(128),
    "keep_from_h": Field(129),
    "keep_from_t": Field(130),
    "keep_to_end": Field(131),
    "keep_runs": Field(132),
    "keep_axis": Field(133),
    # places of channels;
    "keep_base": Field(134, 2),
    "keep_next_block": Field(136, 2),
    "keep_last_block": Field(138, 2),
    "keep_from_step": Field(140, 2),
    "keep_behind_step": Field(142, 2),
    # and how far positions lie apart, in full blocks and in the last one.
    "keep_unit": Field(144, 2),
    "keep_unit_last": Field(146, 2),
    "keep_line": Field(148, 2),
    "keep_line_last": Field(150, 2),
    "keep_frame": Field(152, 2),
    "keep_frame_last": Field(154, 2),
    "keep_position": Field(156, 2),
    "keep_position_last": Field(158, 2),
    "keep_step_w": Field(160, 2),
    "keep_step_w_last": Field(162, 2),
    "keep_step_h": Field(164, 2),
    "keep_step_h_last": Field(166, 2),
    "keep_step_t": Field(168, 2),
    "keep_step_t_last": Field(170, 2),
    "keep_back": Field(172, 2),
    "keep_back_last": Field(174, 2),
    "keep_ring": Field(176, 2),
    "keep_ring_last": Field(178, 2),
    # The table in which results are looked up, from 1 on; 0: none. Bit 8: that is an operation of lanes more; bit 9: of
    # a drain it is none.
    "table": Field(180),
    # Which of those that a program has its division is.
    "division": Field(181),
}
PLACES = 182


def raised(**flags: bool) -> int:
    """Return the word of flags in which those that are true are raised."""
    return sum(1 << FLAGS.index(name) for name, is_raised in flags.items() if is_raised)


def packed(values: dict[str, int]) -> int:
    """Return a descriptor as one number; what is not named is 0. Raises OverflowError for what does not fit."""
    word = 0
    for name, value in values.items():
        field = FIELDS[name]
        if not 0 <= value < 1 << (FIELD_BITS * field.wide):
            raise OverflowError(f"{name} = {value} has more than {FIELD_BITS * field.wide} bits")
        word |= value << (FIELD_BITS * field.at)
    return word


def declared() -> str:
    """Return what the core calls the places of fields, and the bits of the flags."""
    names = {f"F_{name.upper()}": field.at for name, field in FIELDS.items()}
    names |= {f"B_{name.upper()}": bit for bit, name in enumerate(FLAGS)}
    lines = [f"    localparam int {name} = {at};" for name, at in {**names, "FIELDS": PLACES}.items()]
    return "\n".join(
        [
            "    // Where the fields of a descriptor begin, in places of 16 bits, and bits of its flags.",
            "    /* verilator lint_off UNUSEDPARAM */",
            *lines,
            "    /* verilator lint_on UNUSEDPARAM */",
        ]
    )
