"""The figures of docs/figures_for_papers.md, as `lw3dsim plot` draws them.

python experiments/paper_figures.py              # writes docs/figure_energy.svg and docs/figure_roofline.svg

Both are of C3D as FSB with hFA on edge_base.
"""

from __future__ import annotations

from pathlib import Path

from lw3dsim import simulate

DOCS = Path(__file__).parent.parent / "docs"
KINDS = ("energy", "roofline")


def main() -> None:
    """Draw them."""
    result = simulate("c3d", transform="fsb_c3d", algorithm="hfa")
    for kind in KINDS:
        result.plot.save(kind, DOCS / f"figure_{kind}.svg", width="double")


if __name__ == "__main__":
    main()
