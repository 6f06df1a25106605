"""The kinds of input, by name."""

from __future__ import annotations

from . import (
    accelerator_kind,
    cache_kind,
    mapping_kind,
    option_kind,
    python_kind,
    result_kind,
    space_kind,
    study_kinds,
    trace_kind,
    workload_kind,
)
from .case import Kind

KINDS: dict[str, Kind] = {
    "workload": Kind(make=workload_kind.make, run=workload_kind.run),
    "accelerator": Kind(make=accelerator_kind.make, run=accelerator_kind.run),
    "mapping": Kind(make=mapping_kind.make, run=mapping_kind.run),
    "space": Kind(make=space_kind.make, run=space_kind.run),
    "trace": Kind(make=trace_kind.make, run=trace_kind.run),
    "result": Kind(make=result_kind.make, run=result_kind.run),
    "journal": Kind(make=study_kinds.make_journal, run=study_kinds.run_journal),
    "sqlite": Kind(make=study_kinds.make_database, run=study_kinds.run_database),
    "cache": Kind(make=cache_kind.make, run=cache_kind.run),
    "options": Kind(make=option_kind.make, run=option_kind.run),
    "python": Kind(make=python_kind.make, run=python_kind.run),
}
