"""A proof as it is kept: a file that is replaced as a whole, so that a kill leaves the one before."""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from lw3dsim._version import __version__
from lw3dsim.base.forms import PROOF
from lw3dsim.base.output import make_folder, write_files
from lw3dsim.errors import InputError, one_line
from lw3dsim.explore.proof.boxes import choices_in

if TYPE_CHECKING:
    from pathlib import Path

    from lw3dsim.explore.proof.boxes import Masks
    from lw3dsim.explore.space import Space

Whole = Annotated[str, Meta(pattern=r"^[0-9]{1,400}$")]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A design on the front: its place of values in the space, and its metrics."""

    choice: tuple[Annotated[int, Meta(ge=0, lt=64)], ...]
    metrics: dict[str, float]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a proof is gone on with: the front so far, choices by verdict, and the open boxes, packed.

    Numbers of choices are texts, as they may be larger than a number of JSON.
    """

    proof: str
    version: str
    digest: str
    front: tuple[Found, ...]
    dominated: Whole
    over_limits: Whole
    simulated: Whole
    alike: Whole
    seconds: Annotated[float, Meta(ge=0)]
    looked_at: Annotated[int, Meta(ge=0)]
    boxes: bytes
    open: Annotated[int, Meta(ge=0)]


def packed(masks: Masks) -> bytes:
    """Return boxes as bytes."""
    return zlib.compress(np.ascontiguousarray(masks.T, dtype="<u8").tobytes(), 1)


def unpacked(kept: Kept, sizes: tuple[int, ...]) -> Masks:
    """Return the boxes of a proof; raise ValueError where they are none of a space of these sizes."""
    limit = 8 * kept.open * len(sizes)
    stream = zlib.decompressobj()
    data = stream.decompress(kept.boxes, limit + 1)
    if len(data) != limit:
        raise ValueError("the boxes are not as many as they should be")
    masks = np.frombuffer(data, dtype="<u8").reshape(len(sizes), kept.open).T.astype(np.uint64)
    whole = np.array([(1 << size) - 1 for size in sizes], dtype=np.uint64)
    if (masks == 0).any() or (masks & ~whole).any():
        raise ValueError("a box has values that the space does not have")
    decided = sum(map(int, (kept.dominated, kept.over_limits, kept.simulated, kept.alike)))
    if decided + sum(choices_in(masks)) != math.prod(sizes):
        raise ValueError("verdicts and boxes do not make the space")
    return masks


def save(path: Path, kept: Kept) -> None:
    """Write a proof to ``path`` in one step. Raises OutputError."""
    make_folder(path.parent)
    write_files({path: (PROOF, msgspec.json.encode(kept))})


def load(path: Path, space: Space) -> tuple[Kept, Masks]:
    """Read the proof of ``space`` in ``path``, and its open boxes. Raises InputError for what is none of it."""
    name = one_line(str(path), 200)
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Kept)
        if kept.version == __version__ and kept.digest == space.digest:
            _check_front(kept, space)
            return kept, unpacked(kept, space.sizes)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror}); begin a proof without --resume") from None
    except (msgspec.MsgspecError, ValueError, RecursionError, zlib.error) as error:
        raise InputError(f"{name}: is no proof that lw3dsim wrote ({error}); give another --out") from None
    raise InputError(
        f"{name}: is a proof of another space or by another version of lw3dsim ({one_line(kept.proof, 80)}, "
        f"{one_line(kept.version, 40)}); begin one anew in another --out"
    )


def _check_front(kept: Kept, space: Space) -> None:
    """Raise ValueError for a design that is none of the space, or has other metrics than its designs."""
    for found in kept.front:
        inside = len(found.choice) == len(space.sizes) and all(
            place < size for place, size in zip(found.choice, space.sizes, strict=True)
        )
        if (
            not inside
            or set(found.metrics) != set(space.metrics)
            or not all(map(math.isfinite, found.metrics.values()))
        ):
            raise ValueError("a design of the front is none of the space")
