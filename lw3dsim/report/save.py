"""The files of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base import forms
from lw3dsim.base.output import save_texts
from lw3dsim.result.saved import CLOSEUPS_FILE, RESULT_FILE

if TYPE_CHECKING:
    from pathlib import Path

    from lw3dsim.result.result import Result

EXECUTION_FILE = "execution.json"

# What is written into a folder, by name; of `simulate --out` the result last, which the others follow from.
RESULT_FILES = {
    "layers.csv": forms.LAYERS,
    "energy.csv": forms.ENERGY,
    "accesses.csv": forms.ACCESSES,
    "report.html": forms.PAGE,
    CLOSEUPS_FILE: forms.CLOSEUPS,
    RESULT_FILE: forms.RESULT,
}
EXECUTION_FILES = {EXECUTION_FILE: forms.EXECUTION}


def save_result(result: Result, folder: Path) -> None:
    """Write a result with its closeups, its tables and its page into ``folder``, which is made if need be."""
    from lw3dsim.report.html.page import result_page
    from lw3dsim.result.closeups import closeups_text

    texts = (
        result.layers.to_csv(index=False, lineterminator="\n"),
        result.energy.to_csv(index=False, lineterminator="\n"),
        result.accesses.to_csv(index=False, lineterminator="\n"),
        result_page(result),
        "" if result.closeups is None else closeups_text(result.closeups),
        result.to_json(),
    )
    save_texts(folder, RESULT_FILES, texts)
