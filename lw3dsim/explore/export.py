"""Every finished point of a study as a table in a file."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from lw3dsim.errors import InputError, OutputError
from lw3dsim.explore.summary import point_rows
from lw3dsim.report.files import check_file, write_text

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from lw3dsim.explore.study import Study


def points_table(study: Study) -> pd.DataFrame:
    """Return a row per finished point, in the sampler's order, with whether it is on the front."""
    import pandas as pd

    front = {record.point.id for record in study.front}
    table = pd.DataFrame(point_rows(study, study.records))
    if len(table):
        table.insert(2, "on_front", table["point"].isin(front))
    return table


def write_points(study: Study, path: Path) -> None:
    """Write the points to a .csv or .parquet file in one step. Raises InputError and OutputError."""
    if path.suffix not in (".csv", ".parquet"):
        raise InputError(f"--out {path}: expected a name that ends in .csv or .parquet")
    check_file(path)
    table = points_table(study)
    if path.suffix == ".csv":
        write_text(path, table.to_csv(index=False, lineterminator="\n"))
        return
    # A column of a parameter may hold numbers, words and nothing.
    mixed = [name for name in table.columns if table[name].dtype == object and len(set(map(type, table[name]))) > 1]
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        table.astype(dict.fromkeys(mixed, "string")).to_parquet(temporary, index=False)
        temporary.replace(path)
    except ImportError:
        raise InputError("a .parquet file needs the package pyarrow; run `pip install pyarrow`, or take .csv") from None
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); give a writable file name") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
