"""The pictures of pages in the documents, made anew: ``make screenshots``. It takes Chromium."""

from __future__ import annotations

import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
from browser import CHROMIUM, WHY_NOT, Browser

import lw3dsim
from lw3dsim import dse

DOCS = Path(__file__).parent.parent / "docs"
SPACE = "tiles_and_pes"

# What may not be larger, so that whoever clones the repository hardly notices.
MOST_BYTES = 150_000


def main() -> None:
    """Write docs/*.png."""
    if CHROMIUM is None:
        raise SystemExit(WHY_NOT)
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        browser.size(1280, 800)
        page = Path(folder) / "page.html"
        lw3dsim.simulate("c3d", transform="fsb_c3d", algorithm="hfa").report(page)
        browser.open(page)
        save("page", browser.picture())
        save("timeline", browser.picture(of=".look:not([hidden]) .view:not([hidden]) .timeline"))
        lw3dsim.compare("c3d").report(page)
        browser.open(page)
        save("comparison", browser.picture())
        dse.run(SPACE, storage=Path(folder) / "study.journal")
        dse.report(SPACE, page, storage=Path(folder) / "study.journal")
        browser.open(page)
        save("front", browser.picture())


def save(name: str, png: bytes) -> None:
    """Write a picture in no more than 256 colours."""
    small = in_palette(png)
    if len(small) > MOST_BYTES:
        raise SystemExit(f"{name}: {len(small):,} bytes are more than {MOST_BYTES:,}")
    (DOCS / f"{name}.png").write_bytes(small)
    print(f"docs/{name}.png: {len(small):,} bytes, {len(png):,} before")


def in_palette(png: bytes) -> bytes:
    """Return a picture of 8 bits RGB(A) with the 256 colours that most of it has; others become the nearest of them."""
    pixels = decoded(png)
    height, width, _ = pixels.shape
    flat = (pixels.reshape(-1, 3) & 0xFC).astype(np.int64)
    codes, inverse, counts = np.unique(flat @ (1 << 16, 1 << 8, 1), return_inverse=True, return_counts=True)
    kept = np.sort(codes[np.argsort(-counts, kind="stable")[:256]])

    def channels(values: np.ndarray) -> np.ndarray:
        return np.stack([values >> 16, values >> 8 & 255, values & 255], axis=1)

    palette = channels(kept)
    nearest = np.concatenate([
        ((channels(part)[:, None] - palette[None]) ** 2).sum(axis=2).argmin(axis=1)
        for part in np.array_split(codes, -(-len(codes) // 2000))
    ])  # fmt: skip
    rows = nearest[inverse].reshape(height, width).astype(np.uint8)
    # What was white stays so: the lowest bits are filled up from the highest.
    colours = (palette | palette >> 6).astype(np.uint8).tobytes()
    raw = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1).tobytes()
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", head), (b"PLTE", colours), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(chunk, *zip(*parts, strict=True)))


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def decoded(png: bytes) -> np.ndarray:
    """Return the pixels (height, width, 3) of a PNG file of 8 bits a channel, not interlaced."""
    at, data = 8, b""
    width = height = depth = 0
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, _, colour = struct.unpack(">IIBB", body[:10])
            depth = {2: 3, 6: 4}[colour]
        elif kind == b"IDAT":
            data += body
        at += length + 12
    lines = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + width * depth)
    pixels = np.zeros((height, width * depth), np.uint8)
    above = np.zeros(width * depth, np.int64)
    for row, line in enumerate(lines):
        above = unfiltered(int(line[0]), line[1:].astype(np.int64), above, depth)
        pixels[row] = above
    return pixels.reshape(height, width, depth)[:, :, :3]


def unfiltered(kind: int, line: np.ndarray, above: np.ndarray, depth: int) -> np.ndarray:
    """Return a line of pixels whose ``kind`` of filter is undone."""
    if kind == 0:
        return line
    if kind == 2:
        return (line + above) & 255
    if kind == 1:
        return np.cumsum(line.reshape(-1, depth), axis=0).ravel() & 255
    done, over = line.tolist(), above.tolist()
    for i, value in enumerate(done):
        left, corner = (done[i - depth], over[i - depth]) if i >= depth else (0, 0)
        done[i] = (value + ((left + over[i]) // 2 if kind == 3 else paeth(left, over[i], corner))) & 255
    return np.array(done)


def paeth(left: int, above: int, corner: int) -> int:
    """Return which of three neighbours is nearest to what they foretell (PNG specification, 9.4)."""
    guess = left + above - corner
    return min((left, above, corner), key=lambda one: abs(guess - one))


if __name__ == "__main__":
    main()
