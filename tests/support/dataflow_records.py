"""Every dataflow that choices can make: nine ways to unroll rows and columns, with and without what PEs keep."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import get_args
from unittest import mock

from lw3dsim.describe.dataflow import DATAFLOWS, Dataflow, InputReads, Loop, WeightReads

CHOICES = {"rows": Loop, "cols": Loop, "weights": WeightReads, "inputs": InputReads}
EVERY = tuple(
    Dataflow(name="-".join(chosen), description="", **dict(zip(CHOICES, chosen, strict=True)))
    for chosen in itertools.product(*map(get_args, CHOICES.values()))
)


@contextmanager
def known(records=EVERY):
    """Have ``pe.dataflow`` name these as well, as if a plug-in had brought them."""
    with mock.patch.dict(DATAFLOWS.builtin, {record.name: record for record in records}):
        yield
