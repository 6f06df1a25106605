"""What figures for papers share: widths, letters, colours that also differ in grey, and their files.

Matplotlib is imported where something is drawn. Text is never read as markup. The same figure gives the same bytes.
"""

from __future__ import annotations

import html
import io
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from lw3dsim.arguments import as_path, as_word
from lw3dsim.base import forms
from lw3dsim.base.output import check_file, write_files
from lw3dsim.errors import InputError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

    from lw3dsim.arguments import PathArgument

Width = Literal["single", "double"]
WIDTHS: tuple[Width, ...] = get_args(Width)

# Columns of IEEE journals, in inches.
INCHES = {"single": 3.5, "double": 7.16}

FORMATS = {".svg": forms.DRAWING_SVG, ".pdf": forms.DRAWING_PDF, ".png": forms.DRAWING_PNG, ".html": forms.PAGE}

# Dots an inch of a PNG.
DPI = 400

# Hatches tell neighbours apart where colours can't: in grey, on bad printers.
HATCHES = ("", "///", "\\\\\\", "", "xxx", "---", "|||", "+++")

# From one end of an axis to the other, times from which numbers at it would stand in each other's way.
MANY = 2000

# Parts of a stack that are shown by themselves; the others are one.
PARTS = 7
OTHERS = "others"

SETTINGS: Any = {
    "font.family": "DejaVu Sans",  # Matplotlib's own: the same letters everywhere
    "font.size": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.linewidth": 0.4,
    "grid.color": "#D0D0D0",
    "hatch.linewidth": 0.4,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.columnspacing": 1.0,
    "lines.linewidth": 1.0,
    "text.parse_math": False,  # `$` in the name of a layer is a dollar
    "text.usetex": False,
    "pdf.fonttype": 42,  # letters as TrueType, embedded; journals refuse type 3
    "svg.fonttype": "path",  # letters as outlines: no font has to be there
    "svg.hashsalt": "lw3dsim",
}


@contextmanager
def settings() -> Iterator[None]:
    """Draw in the look of these figures. Raises InputError where Matplotlib is not installed."""
    try:
        import matplotlib as mpl
    except ImportError:
        raise InputError(
            "a figure for a paper needs the package matplotlib, which is not installed; run `pip install "
            "'lw3dsim[figures]'`"
        ) from None
    # A letter that the font lacks is shown as a box.
    with warnings.catch_warnings(), mpl.rc_context(SETTINGS):
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        yield


def new_axes(width: Width, height: float) -> tuple[Figure, Axes]:
    """Return a figure of a column's width and of ``height`` inches, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(INCHES[width], height), layout="constrained")
    return figure, figure.add_subplot()


def check_figure(path: PathArgument, width: object) -> tuple[Path, Width]:
    """Return the file and the width of a figure. Raises InputError and OutputError."""
    target = Path(as_path("out", path))
    if target.suffix.lower() not in FORMATS:
        allowed = ", ".join(FORMATS)
        raise InputError(f"{one_line(str(target), 200)}: is no name of a figure; let it end with one of {allowed}")
    chosen = as_word("width", width, WIDTHS)
    check_file(target, FORMATS[target.suffix.lower()])
    return target, "single" if chosen == "single" else "double"


def write_figure(path: Path, title: str, draw: Callable[[], Figure]) -> None:
    """Write what ``draw`` returns to ``path``, in the format of its name. Raises InputError and OutputError."""
    suffix = path.suffix.lower()
    with settings():
        figure = draw()
        data = _page(title, _bytes(figure, ".svg", title)) if suffix == ".html" else _bytes(figure, suffix, title)
    write_files({path: (FORMATS[suffix], data)})


def _bytes(figure: Figure, suffix: str, title: str) -> bytes:
    # Nothing that differs from run to run, such as a date, is written.
    about: dict[str, dict[str, Any]] = {
        ".svg": {"Title": title, "Creator": forms.DRAWN_BY, "Date": None},
        ".pdf": {"Title": title, "Creator": forms.DRAWN_BY, "CreationDate": None},
        ".png": {"Title": title, "Software": forms.DRAWN_BY},
    }
    file = io.BytesIO()
    figure.savefig(file, format=suffix[1:], dpi=DPI, metadata=about[suffix])
    return file.getvalue()


def _page(title: str, drawing: bytes) -> bytes:
    svg = drawing.decode()
    svg = svg[svg.index("<svg") :]
    head = f'<meta charset="utf-8">{forms.GENERATOR}<title>{html.escape(title)}</title>'
    look = "<style>body{margin:2em;background:#fff}svg{width:100%;height:auto;max-width:60em}</style>"
    label = html.escape(title, quote=True)
    body = f'<figure role="img" aria-label="{label}">{svg}</figure>'
    return f'<!doctype html>\n<html lang="en"><head>{head}{look}</head><body>{body}</body></html>\n'.encode()


def leading(series: Mapping[str, Sequence[float]], most: int = PARTS) -> dict[str, list[float]]:
    """Return the rows that sum to most, in their order, and the sum of the others as one."""
    kept = sorted(series, key=lambda key: -sum(series[key]))[:most]
    rows = {key: list(series[key]) for key in series if key in kept and any(series[key])}
    rest = [list(series[key]) for key in series if key not in kept and any(series[key])]
    return rows | ({OTHERS: [sum(values) for values in zip(*rest, strict=True)]} if rest else {})


def legend_above(axes: Axes, width: Width, count: int) -> Legend:
    """Put the legend above the axes, in as many columns as there is room for, and return it."""
    columns = min(count, 2 if width == "single" else 4)
    return axes.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=columns, fontsize=6, borderaxespad=0)


def log_axis(axes: Axes, which: Literal["x", "y"], label: str) -> None:
    """Make the axis of what is drawn logarithmic, with plain numbers at it: of 1, 2, 5, ... or, of many, 1, 10, ..."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < MANY * low else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axis.set_minor_formatter(NullFormatter())
    axis.set_label_text(label)
