"""Tables and lines on a terminal or in a pipe: aligned, and no number or id ever cut.

Where a table is wider than the terminal, names are shortened in their middle first, down to a readable least; then
whole columns are left out, those of the least importance first, and a line says which. Without a terminal there is
no width to keep.
"""

from __future__ import annotations

import os
import sys
import textwrap
from typing import TYPE_CHECKING

from lw3dsim.base.values import Value, replace
from lw3dsim.errors import InputError, short, suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

GAP = "  "


class Column(Value, frozen=True, kw_only=True):
    """A column: its heading, with the unit; names may be shortened to ``least`` characters, nothing else may (0)."""

    heading: str
    least: int = 0
    is_right: bool = False


class Table(Value, frozen=True, kw_only=True):
    """Rows of cells under ``columns``.

    ``importance`` are headings in the order in which columns stay, the last left out first; those that it doesn't
    name go before them. The first column and the most important other always stay. A table that ``is_split`` leaves
    out nothing: its columns go below each other in blocks, each with the first column.
    """

    title: str = ""
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[str]]
    importance: tuple[str, ...] = ()
    is_split: bool = False


class View(Value, frozen=True, kw_only=True):
    """What of a table is shown: ``columns`` by heading (all where empty), in ``width`` characters (None: any)."""

    width: int | None = None
    columns: tuple[str, ...] = ()


Part = Table | str


def name(heading: str, least: int = 12) -> Column:
    """Return a column of names, which may be shortened to ``least`` characters."""
    return Column(heading=heading, least=least)


def words(*headings: str) -> tuple[Column, ...]:
    """Return columns of ids, shapes and words that are never shortened."""
    return tuple(Column(heading=heading) for heading in headings)


def figures(*headings: str) -> tuple[Column, ...]:
    """Return columns of numbers."""
    return tuple(Column(heading=heading, is_right=True) for heading in headings)


def four_digits(value: float) -> str:
    """Return a number with four digits that count, or with all before its point."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == 0 else f"{value:#.4g}"


def terminal_width() -> int | None:
    """Return the width of the terminal that standard output is; None where it is none."""
    if not sys.stdout.isatty():
        return None
    # A run in a pipe begins without what compresses archives.
    import shutil

    return shutil.get_terminal_size().columns


def print_tables(parts: Sequence[Part], *, wide: bool = False, columns: Sequence[str] = ()) -> None:
    """Print tables and lines on standard output, in the width of the terminal unless ``wide``.

    ``columns`` are headings to show, and no others. Raises InputError where no table has one of them.
    """
    view = View(width=None if wide else terminal_width(), columns=check_columns(parts, columns))
    width = terminal_width()
    lines = [
        line
        for part in parts
        for line in (laid_out(part, view) if isinstance(part, Table) else map(Line, wrapped(part, width)))
    ]
    # Not by a console, which ends the program itself where nobody reads any more.
    sys.stdout.write(_styled(lines) if _has_styles() else "".join(f"{line.text}\n" for line in lines))
    sys.stdout.flush()


def _has_styles() -> bool:
    """Return whether headings may be bold on standard output; a pipe is spared the start of what makes them so."""
    return sys.stdout.isatty() or any(os.environ.get(name) for name in ("FORCE_COLOR", "TTY_COMPATIBLE"))


def _styled(lines: Sequence[Line]) -> str:
    """Return lines as text with headings in bold, where the terminal has that."""
    from rich.console import Console
    from rich.text import Text

    # What was laid out is printed as it is, whatever COLUMNS says.
    room = max((cells_of(line.text) for line in lines), default=0) + 1
    console = Console(highlight=False, markup=False, emoji=False, width=room)
    with console.capture() as capture:
        for line in lines:
            console.print(Text(line.text, "bold" if line.is_heading else ""), soft_wrap=True)
    return capture.get()


def cells_of(text: str) -> int:
    """Return the cells of a terminal that ``text`` takes: wide characters take two."""
    if text.isascii() and text.isprintable():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


class Line(Value, frozen=True):
    """A line as it is printed."""

    text: str
    is_heading: bool = False


def wrapped(text: str, width: int | None, *, hang: int = 0) -> list[str]:
    """Return a sentence as lines of ``width``, later ones ``hang`` in, broken between words only."""
    text = _encodable(text)
    if width is None or cells_of(text) <= width:
        return [text]
    return textwrap.wrap(text, width, subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False)


def laid_out(table: Table, view: View) -> list[Line]:
    """Return the lines of a table: its title, headings and rows, and what was left out."""
    narrows = view.width is not None
    columns = [_Filled.of(column, place, table.rows, narrows=narrows) for place, column in enumerate(table.columns)]
    if view.columns:
        columns = _chosen(columns, view.columns)
    blocks, left_out = [columns], list[_Filled]()
    if table.is_split and view.width is not None:
        blocks = _blocks(columns, view.width)
    elif view.width is not None:
        kept, left_out = _fitted(columns, view.width, table.importance, keep_all=bool(view.columns))
        blocks = [kept]
    lines = [Line(part, is_heading=True) for part in wrapped(table.title, view.width)] if table.title else []
    for number, block in enumerate(blocks):
        lines += [Line("")] if number else []
        lines += _drawn(block)
    if left_out:
        names = ", ".join(column.heading for column in left_out)
        text = f"(left out in {view.width} columns: {names}; --wide shows all, --columns A,B,... those named)"
        lines += map(Line, wrapped(text, view.width))
    return lines


class _Filled(Value, frozen=True, kw_only=True):
    """A column with its cells as they can be printed, in ``width`` characters."""

    heading: str
    cells: tuple[str, ...]
    least: int
    is_right: bool
    width: int

    @classmethod
    def of(cls, column: Column, place: int, rows: Sequence[Sequence[str]], *, narrows: bool) -> _Filled:
        heading, cells = _encodable(column.heading), tuple(_encodable(row[place]) for row in rows)
        width = max(map(cells_of, (heading, *cells)))
        least = width
        if column.least and narrows:
            # What could be mistaken for each other then stays longer, up to all of it.
            shortest = max(min(column.least, width), cells_of(heading))
            least = next(w for w in range(shortest, width + 1) if w == width or _are_distinct(cells, w))
        return cls(heading=heading, cells=cells, least=least, is_right=column.is_right, width=width)


def _are_distinct(cells: Iterable[str], width: int) -> bool:
    names = set(cells)
    return len({shortened(cell, width) for cell in names}) == len(names)


def _room(columns: Iterable[_Filled], *, least: bool = False) -> int:
    """Return the characters that columns take next to each other."""
    widths = [column.least if least else column.width for column in columns]
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _fitted(
    columns: Sequence[_Filled], width: int, importance: Sequence[str], *, keep_all: bool
) -> tuple[list[_Filled], list[_Filled]]:
    """Return the columns that are shown in ``width``, narrowed to it, and those that are left out."""
    order = [*importance, *(column.heading for column in columns if column.heading not in importance)]
    kept = list(columns)
    while not keep_all and len(kept) > 2 and _room(kept, least=True) > width:
        kept.remove(max(kept[1:], key=lambda column: order.index(column.heading)))
    return _narrowed(kept, width), [column for column in columns if column not in kept]


def _narrowed(columns: Sequence[_Filled], width: int) -> list[_Filled]:
    """Return columns as narrow as ``width`` asks for and they can be, the widest name first."""
    narrow = list(columns)
    while _room(narrow) > width:
        place = max(range(len(narrow)), key=lambda i: (narrow[i].width > narrow[i].least, narrow[i].width))
        if narrow[place].width == narrow[place].least:
            break
        narrow[place] = replace(narrow[place], width=narrow[place].width - 1)
    return narrow


def _blocks(columns: Sequence[_Filled], width: int) -> list[list[_Filled]]:
    """Return columns in blocks that fit, each begun by the first column."""
    first, *rest = columns
    blocks = [[first]]
    for column in rest:
        if len(blocks[-1]) > 1 and _room([*blocks[-1], column]) > width:
            blocks.append([first])
        blocks[-1].append(column)
    return [_narrowed(block, width) for block in blocks]


def _drawn(columns: Sequence[_Filled]) -> list[Line]:
    cells = [[_padded(cell, column) for cell in (column.heading, *column.cells)] for column in columns]
    return [Line(GAP.join(row).rstrip(), is_heading=i == 0) for i, row in enumerate(zip(*cells, strict=True))]


def _padded(cell: str, column: _Filled) -> str:
    text = shortened(cell, column.width)
    room = " " * (column.width - cells_of(text))
    return room + text if column.is_right else text + room


def shortened(text: str, width: int) -> str:
    """Return ``text`` in at most ``width`` characters, cut in its middle, a number in it whole or not at all."""
    if cells_of(text) <= width:
        return text
    mark = _encodable("…", "..")
    head = end = len(text) // 2
    while head + len(text) - end and cells_of(text[:head] + mark + text[end:]) > width:
        head, end = (head - 1, end) if head >= len(text) - end else (head, end + 1)
    while head and _is_number(text[head - 1 : head + 1]):
        head -= 1
    while end < len(text) and _is_number(text[end - 1 : end + 1]):
        end += 1
    return text[:head] + mark + text[end:]


def _is_number(pair: str) -> bool:
    """Return whether two characters belong to one number."""
    return len(pair) == 2 and all(c.isdigit() or c in ".," for c in pair) and any(c.isdigit() for c in pair)


def _encodable(text: str, other: str | None = None) -> str:
    """Return ``text`` as standard output can print it: what it can't is escaped, or all of it is the ``other``."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode(encoding, "backslashreplace").decode(encoding) if other is None else other
    return text


def check_columns(parts: Sequence[Part], columns: Sequence[str]) -> tuple[str, ...]:
    """Return ``columns`` as the headings that they mean: capitals do not count, and "_" is a space.

    Raises InputError where no table of ``parts`` has one of them.
    """
    tables = [part for part in parts if isinstance(part, Table)]
    # What names the rows may have no heading, and is always there.
    shown = [column.heading for table in tables for column in table.columns if column.heading]
    headings = {_plain(heading): heading for heading in shown}
    for column in columns:
        if _plain(column) not in headings:
            allowed = suggest(column, headings.values())
            raise InputError(f"--columns {short(column)}: no column has this heading; {allowed}")
    return tuple(headings[_plain(column)] for column in columns)


def _plain(heading: str) -> str:
    return " ".join(heading.replace("_", " ").lower().split())


def _chosen(columns: Sequence[_Filled], headings: Sequence[str]) -> list[_Filled]:
    """Return the columns of these headings in their order, behind the first, which names the rows."""
    by_heading = {column.heading: column for column in columns[1:]}
    return [columns[0], *(by_heading[heading] for heading in dict.fromkeys(headings) if heading in by_heading)]
