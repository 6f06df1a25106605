"""Damage: to trees of keys and values, to the text they are written as, to bytes, and to what stands at a path."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True)
class Raw:
    """A piece of YAML that is written as it is."""

    text: str


NUMBERS = (
    0, -1, 1, 2, 3, 7, 64, 255, 1024, 1025, 8192, 8193, 65535, 65536, 65537, 2**31, 2**53, 2**63 - 1, 2**63, 2**64,
    -(2**63), 10**30, 0.5, -0.5, 1e-300, 1e300, 1.5, 1e9, -0.0, 5e-324, 0.1,
)  # fmt: skip
WORDS = (
    "", " ", "x", "none", "relu", "global", "same", "null", "true", "no", "off", "~", "0x10", "1_000", "1:30", "0o7",
    "a b", "a.b", "a-b", "..", "/", "a/b", "$", "$x", "$$", "<<", "=", "*", "&a", "!!", "\u00e9", "\u5c42",
    "\U0001f600", "\u202e", "\ufeff", "\u0000", "\n", "\r", "\t", "\x1b[31m", "\x7f", "\u2028", "\u0085", "%s", "{0}",
    "[red]", "<b>", "'", '"', "\\", "#", "a: b", "- a", "?", "@", "`", "|", ">", "nan", "inf", "-inf", "1e999",
    "9" * 400, "n" * 3000, "\u00df" * 300, "name", "clip", "input", "direct", "constructor", "__class__", "__init__",
)  # fmt: skip
RAWS = (
    ".nan", ".inf", "-.inf", "1e999", "-1e999", "1.0e+999", "!!python/object:os.system x", "!!binary aGk=",
    "!!set {a, b}", "!!omap [a: 1]", "!!timestamp 2001-01-01", "2001-01-01", "2001-01-01 00:00:00", '!!int ""',
    "!!int x", "!!float x", "!!bool x", "!!null x", "!!str 5", "!x y", "&a [*a]", "*nothing", "[", "]", "{", "}", ",",
    ":", "? a", "|", "{<<: {a: 1}}", "{? [a, b] : c}", "0b101", "0o17", "010", "08", "1_0", "+5", "5.", ".5", "- 1",
    "[" * 45 + "]" * 45, "{a: " * 45 + "}" * 45, "[[[[[[]]]]]]", "9" * 5000, "0.1e-400", "\t1", "'a", '"\\q"', "%",
)  # fmt: skip


def value(rng: Random) -> Any:
    """Return a value that hardly belongs where it is put."""
    pick = rng.randrange(10)
    if pick < 4:
        return rng.choice(NUMBERS)
    if pick < 6:
        return rng.choice(WORDS)
    if pick < 8:
        return Raw(rng.choice(RAWS))
    odd: list[Any] = [
        None,
        True,
        False,
        [],
        {},
        [1, 2, 3],
        [[1]],
        {"a": 1},
        [None],
        [True],
        [0, 0, 0],
        [1, 1],
        [1] * 300,
    ]
    return rng.choice(odd)


def places(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in ``tree`` below the top."""
    inner: list[tuple[Any, ...]] = []
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, item in items:
        inner += [(*at, key), *places(item, (*at, key))]
    return inner


def parent(tree: Any, path: tuple[Any, ...]) -> Any:
    """Return what holds the value at ``path``."""
    for key in path[:-1]:
        tree = tree[key]
    return tree


def damage_tree(rng: Random, tree: Any) -> None:
    """Change ``tree`` at one place."""
    paths = places(tree)
    if not paths:
        return
    path = rng.choice(paths)
    holder, key = parent(tree, path), path[-1]
    act = rng.randrange(12)
    if act > 7:
        path = rng.choice(numeric) if (numeric := _numbers(tree, paths)) else path
        holder, key = parent(tree, path), path[-1]
        act = 4
    if act == 0:
        del holder[key]
    elif act == 1 and isinstance(holder, dict):
        holder[rename(rng, key)] = holder.pop(key)
    elif act == 2:
        _double(rng, holder, key)
    elif act == 3:
        other = rng.choice(paths)
        holder[key] = _copy(parent(tree, other)[other[-1]])
    elif act == 4 and _is_number(holder[key]):
        now = holder[key]
        holder[key] = rng.choice([now + 1, now - 1, now * 2, -now, now * 1000, 0, 1, 2, 3, rng.randint(1, 40)])
    elif act == 5 and isinstance(holder, dict):
        holder[rng.choice(WORDS)] = value(rng)
    else:
        holder[key] = value(rng)


def _is_number(item: Any) -> bool:
    return isinstance(item, int | float) and not isinstance(item, bool)


def _numbers(tree: Any, paths: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [path for path in paths if _is_number(parent(tree, path)[path[-1]])]


def _double(rng: Random, holder: Any, key: Any) -> None:
    if isinstance(holder, list):
        holder.insert(rng.randrange(len(holder) + 1), _copy(holder[key]))
    else:
        # Written twice: a mapping in YAML, not in Python.
        holder[Raw(f"{key_text(key)}")] = value(rng)


def _copy(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _copy(item) for key, item in tree.items()}
    return [_copy(item) for item in tree] if isinstance(tree, list) else tree


def rename(rng: Random, key: Any) -> Any:
    """Return a key that is nearly ``key``, or another."""
    text = str(key.text if isinstance(key, Raw) else key)
    return rng.choice([text[:-1], text + "s", text.upper(), f" {text}", text[::-1], rng.choice(WORDS), 5, True])


def key_text(key: Any) -> str:
    """Write a key."""
    if isinstance(key, Raw):
        return key.text
    plain = isinstance(key, str) and key.replace("_", "").replace(".", "").isalnum() and key.isascii()
    return str(key) if plain else inline(key)


def inline(tree: Any) -> str:
    """Write ``tree`` as YAML within a line."""
    if isinstance(tree, Raw):
        return tree.text
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key_text(key)}: {inline(item)}" for key, item in tree.items()) + "}"
    if isinstance(tree, list | tuple):
        return "[" + ", ".join(map(inline, tree)) + "]"
    if isinstance(tree, str) and not (tree.isascii() and tree.replace("_", "a").isalnum() and tree[0].isalpha()):
        return tree if tree.startswith("$") and tree[1:].isalnum() else json.dumps(tree)
    if isinstance(tree, float):
        return repr(tree)
    return tree if isinstance(tree, str) else json.dumps(tree)


def text_of(tree: Any) -> str:
    """Write ``tree`` as YAML: a line per entry of the upper two levels, so that lines can be dropped to shrink it."""
    if not isinstance(tree, dict):
        return inline(tree) + "\n"
    lines = []
    for key, item in tree.items():
        if isinstance(item, dict) and item:
            lines += [f"{key_text(key)}:", *(f"  {key_text(name)}: {inline(part)}" for name, part in item.items())]
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            lines += [f"{key_text(key)}:", *(f"  - {inline(part)}" for part in item)]
        else:
            lines.append(f"{key_text(key)}: {inline(item)}")
    return "\n".join(lines) + "\n"


def damage_text(rng: Random, text: str) -> bytes:
    """Write ``text`` as bytes that are not quite what was meant."""
    return rng.choice((_lines, _lines, _bytes, _bytes, _spelling, _spelling, _whole))(rng, text)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogatepass")


def _lines(rng: Random, text: str) -> bytes:
    """Drop, double, move or add lines."""
    lines = text.split("\n")
    act = rng.randrange(4)
    if act == 0:
        del lines[rng.randrange(len(lines))]
    elif act == 1:
        lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    elif act == 2:
        rng.shuffle(lines)
    else:
        lines.append(rng.choice(["a: b", "name: x", "layers: []", "- a", "---", "a", "&a *a", "%YAML 1.1"]))
    return _encoded("\n".join(lines))


def _bytes(rng: Random, text: str) -> bytes:
    """Cut, put in, or flip bytes."""
    raw = _encoded(text)
    at = rng.randrange(len(raw) + 1)
    act = rng.randrange(4)
    if act == 0:
        return raw[:at]
    if act == 1:
        return raw[:at] + bytes(rng.randrange(256) for _ in range(rng.choice([1, 1, 2, 8]))) + raw[at:]
    if act == 2:
        odd = [b"\0", b"\t", b"\x1b[2J", b"\xff\xfe", b"\xe2\x80\xae", b"---\n", b"...\n", b"#"]
        return raw[:at] + rng.choice(odd) + raw[at:]
    flipped = bytearray(raw)
    for _ in range(rng.choice([1, 2, 5])):
        flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
    return bytes(flipped)


def _spelling(rng: Random, text: str) -> bytes:
    """Write the same with another encoding, other line ends or other spaces."""
    raw = _encoded(text)
    act = rng.randrange(4)
    if act == 0:
        return b"\xef\xbb\xbf" + raw
    if act == 1:
        return raw.replace(b"\n", rng.choice([b"\r\n", b"\r", b"\n\n", b"\x0c\n", b" \n"]))
    if act == 2:
        return raw.replace(b"  ", rng.choice([b"\t", b" ", b"    "]))
    return text.encode(rng.choice(["utf-16", "utf-16-le", "utf-32", "utf-8"]), errors="replace")


def _whole(rng: Random, text: str) -> bytes:
    """Put next to nothing there, or something that grows."""
    few = [b"", b"\n", b" ", b"---\n", b"\0", b"null", b"[]", b"{}", b"a", b"\xff", b"\xef\xbb\xbf"]
    return rng.choice(few) if rng.randrange(2) else _encoded(bomb(rng, text))


def bomb(rng: Random, text: str) -> str:
    """Return ``text`` with something that grows when it is read."""
    depth = rng.choice([20, 45, 1000])
    return rng.choice(
        [
            "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 30)) + text,
            text + "deep: " + "[" * depth + "]" * depth + "\n",
            text + "\n".join(" " * i + "a:" for i in range(depth)) + "\n",
            text + f"long: {'x' * 1_100_000}\n",
            text + f"many: [{'a, ' * 60_000}a]\n",
            text + "self: &s {a: *s}\n",
        ]
    )


def damaged_place(rng: Random, content: bytes) -> bytes | str:
    """Return now and then what is no regular file, instead of ``content``."""
    return rng.choice(["folder", "fifo", "loop", "nowhere"]) if rng.randrange(60) == 0 else content


def yaml_bytes(rng: Random, tree: Any, share: float = 0.6) -> tuple[bytes | str, bool]:
    """Write ``tree``, damaged in ``share`` of all cases; return also whether it was damaged."""
    if rng.random() >= share:
        return text_of(tree).encode("utf-8"), False
    if rng.random() < 0.75:
        for _ in range(rng.choice([1, 1, 1, 2, 4])):
            damage_tree(rng, tree)
        raw = text_of(tree).encode("utf-8", errors="surrogatepass")
    else:
        raw = damage_text(rng, text_of(tree))
    return damaged_place(rng, raw), True
