"""Every finished point of a study as a table in a file."""

from __future__ import annotations

import io
import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lw3dsim.base.forms import PARQUET_KEY, POINTS_CSV, POINTS_PARQUET
from lw3dsim.base.output import check_file, write_files
from lw3dsim.errors import InputError, one_line
from lw3dsim.explore.summary import point_columns, point_rows, unfinished

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from lw3dsim.base.forms import Form
    from lw3dsim.explore.study import Study

FORMS = {".csv": POINTS_CSV, ".parquet": POINTS_PARQUET}


def form_of(path: Path) -> Form:
    """Return what is written to ``path``, by the end of its name. Raises InputError and OutputError."""
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise InputError(f"--out {one_line(str(path), 200)}: expected a name that ends in .csv or .parquet")
    check_file(path, form)
    return form


def points_table(study: Study) -> pd.DataFrame:
    """Return a row per finished point, in the sampler's order, with whether it is on the front."""
    import pandas as pd

    front = {record.point.id for record in study.front}
    table = pd.DataFrame(point_rows(study, study.records), columns=point_columns(study))
    table.insert(2, "on_front", table["point"].isin(front))
    return table


def write_points(study: Study, path: Path) -> None:
    """Write the points to a .csv or .parquet file in one step. Raises InputError and OutputError."""
    form = form_of(path)
    table = points_table(study)
    data = table.to_csv(index=False, lineterminator="\n").encode() if form is POINTS_CSV else _parquet(study, table)
    write_files({path: (form, data)})


def _parquet(study: Study, table: pd.DataFrame) -> bytes:
    """Return ``table`` as a Parquet file that says what it is of, and whether the study was finished."""
    try:
        pyarrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        raise InputError("a .parquet file needs the package pyarrow; run `pip install pyarrow`, or take .csv") from None
    # A column of a parameter may hold numbers, words and nothing.
    mixed = [name for name in table.columns if table[name].dtype == object and len(set(map(type, table[name]))) > 1]
    rows = pyarrow.Table.from_pandas(table.astype(dict.fromkeys(mixed, "string")), preserve_index=False)
    about = {
        "space": study.space.name,
        "finished": len(study.records),
        "wanted": study.wanted,
        "note": unfinished(study),
    }
    file = io.BytesIO()
    metadata = {**(rows.schema.metadata or {}), PARQUET_KEY.encode(): json.dumps(about).encode()}
    parquet.write_table(rows.replace_schema_metadata(metadata), file)
    return file.getvalue()
