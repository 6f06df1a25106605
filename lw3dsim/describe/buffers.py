"""The buffers of an accelerator: three SRAMs, or one that is shared."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all sections: keyword-only, unknown keys refused."""


Rate = Annotated[int, Meta(ge=1, le=65536)]
KIB_BITS = 8192
Kib = Annotated[int, Meta(ge=1, le=65536)]
OwnKib = Annotated[int, Meta(ge=0, le=65536)]
Banks = Annotated[int, Meta(ge=1, le=64)]

# The buffers that a design has, or hands banks out to; of a shared memory each has so many at least, so that DMA and
# array need not meet in one.
STREAM_BUFFERS = ("ifmap", "weight", "ofmap")
OWN_BANKS = 2
LEAST_BANKS = OWN_BANKS * len(STREAM_BUFFERS)
UNLESS_SHARED = "must be given where shared_kib is not"

# An `auto` share of intermediate tensors is of so many parts.
SHARES = 16


class Buffers(Section, frozen=True):
    """The SRAMs between DMA and PEs: three, or one that is shared.

    The banks of a shared memory are handed out to inputs, weights and outputs anew for every layer or fused group:
    a :meth:`divided` one has the sizes of these, and is what a mapped unit sees.
    """

    ifmap_kib: Annotated[
        OwnKib, Meta(description="capacity of the input buffer, all slots together; " + UNLESS_SHARED)
    ] = 0
    weight_kib: Annotated[OwnKib, Meta(description="capacity of the weight buffer, likewise")] = 0
    ofmap_kib: Annotated[OwnKib, Meta(description="capacity of the output buffer, likewise")] = 0
    ifmap_port_bytes: Annotated[Rate, Meta(description="bytes that the input buffer delivers a cycle")] = 64
    weight_port_bytes: Annotated[Rate, Meta(description="bytes that the weight buffer delivers a cycle")] = 64
    ofmap_port_bytes: Annotated[Rate, Meta(description="bytes read or written a cycle at the output buffer")] = 64
    ifmap_banks: Annotated[Banks, Meta(description="single-port banks of the input buffer; 1: DMA stops the array")] = 2
    weight_banks: Annotated[Banks, Meta(description="single-port banks of the weight buffer, likewise")] = 2
    ofmap_banks: Annotated[Banks, Meta(description="single-port banks of the output buffer, likewise")] = 2
    shared_kib: Annotated[
        Kib | None,
        Meta(
            description="capacity of one memory in place of the three buffers, whose banks are handed out to inputs, "
            "weights and outputs anew for every layer or fused group; default: there are three buffers"
        ),
    ] = None
    shared_banks: Annotated[
        int, Meta(ge=LEAST_BANKS, le=64, description="single-port banks of the shared memory, of whole KiB each")
    ] = 16
    shared_port_bytes: Annotated[
        Rate, Meta(description="bytes a cycle at each of the three ports of the shared memory, and of a bank")
    ] = 64
    slots: Annotated[int, Meta(ge=1, le=7, description="tiles that a buffer holds at once; 2 is double buffering")] = 2
    intermediate_share: Annotated[
        Annotated[float, Meta(ge=0, lt=1)] | Literal["auto"],
        Meta(
            description="share of the output buffer that holds the tensors inside a fused group while it runs; "
            "auto: what is best for each group, in sixteenths; 0: the accelerator can't fuse"
        ),
    ] = 0.625

    def __post_init__(self) -> None:
        """Let a shared memory have ports of one width, and tell the mapper to divide it for each group."""
        if self.shared_kib is None:
            return
        for name in STREAM_BUFFERS:
            msgspec.structs.force_setattr(self, f"{name}_port_bytes", self.shared_port_bytes)
            msgspec.structs.force_setattr(self, f"{name}_banks", OWN_BANKS)
        if not self.ifmap_kib and self.intermediate_share:
            msgspec.structs.force_setattr(self, "intermediate_share", "auto")

    @property
    def is_whole(self) -> bool:
        """Whether this is a shared memory that is not divided."""
        return self.shared_kib is not None and not self.ifmap_kib

    @property
    def is_divided_by_group(self) -> bool:
        """Whether what the tensors inside a fused group have is not given, but found for each group."""
        return self.intermediate_share == "auto"

    @property
    def bank_kib(self) -> int:
        """KiB of a bank of the shared memory, 0 where there is none."""
        return self.shared_kib // self.shared_banks if self.shared_kib else 0

    @property
    def total_kib(self) -> int:
        """KiB of all buffers."""
        return self.shared_kib or self.ifmap_kib + self.weight_kib + self.ofmap_kib

    @property
    def capacity_bits(self) -> dict[str, int]:
        """Capacity of each buffer, by stream; of a shared memory that is not divided, the most that each can get."""
        if self.is_whole:
            most = (self.shared_banks - LEAST_BANKS + OWN_BANKS) * self.bank_kib * KIB_BITS
            return dict.fromkeys(STREAM_BUFFERS, most)
        return {name: size * KIB_BITS for name, size in self.kib.items()}

    @property
    def kib(self) -> dict[str, int]:
        """KiB of each buffer, by stream; none where a shared memory is not divided."""
        return {"ifmap": self.ifmap_kib, "weight": self.weight_kib, "ofmap": self.ofmap_kib}

    @property
    def shares(self) -> int:
        """How many shares intermediate tensors and outputs of a fused group have together; 0 where each is given."""
        return SHARES if self.is_divided_by_group else 0

    @property
    def share_bits(self) -> int:
        """The bits of such a share."""
        return self.capacity_bits["ofmap"] // SHARES

    @property
    def intermediate_bits(self) -> int:
        """What of the output buffer holds intermediate tensors while a fused group runs; the most that can."""
        if isinstance(self.intermediate_share, str):
            return (SHARES - 1) * self.share_bits
        return int(self.ofmap_kib * KIB_BITS * self.intermediate_share)

    @property
    def can_fuse(self) -> bool:
        """Whether tensors inside a fused group have any room."""
        return self.intermediate_bits > 0

    @property
    def output_bits(self) -> int:
        """What of the output buffer a fused group leaves to its output; the most that it can."""
        if isinstance(self.intermediate_share, str):
            return (SHARES - 1) * self.share_bits
        return self.capacity_bits["ofmap"] - self.intermediate_bits

    def divided(self, *, ifmap: int, weight: int, ofmap: int) -> Buffers:
        """Return a shared memory of which inputs, weights and outputs have so many banks."""
        each = self.bank_kib
        return msgspec.structs.replace(self, ifmap_kib=ifmap * each, weight_kib=weight * each, ofmap_kib=ofmap * each)

    def banks(self) -> dict[str, int]:
        """Return how many banks each has of a shared memory that is divided."""
        return {name: size // self.bank_kib for name, size in self.kib.items()}
