"""Do the built-in engines and the shipped files keep the contracts that every engine and file owes?"""

from __future__ import annotations

from importlib.util import find_spec
from typing import ClassVar

from shipped_networks import SMALL

from lw3dsim.describe.catalog import shipped_names
from lw3dsim.describe.dataflow import DATAFLOWS
from lw3dsim.testing import AcceleratorContract, DataflowContract, EngineContract, SpaceContract, WorkloadContract


class TestEngines(EngineContract):
    engines = ("auto", "fast")


class TestDataflows(DataflowContract):
    dataflows = tuple(DATAFLOWS.builtin)


class TestWorkloads(WorkloadContract):
    workloads = tuple(shipped_names("workloads"))
    sizes: ClassVar = SMALL


class TestAccelerators(AcceleratorContract):
    accelerators = tuple(shipped_names("arch_configs"))


class TestSpaces(SpaceContract):
    # Where designs answer clips of moving digits, these must be there.
    spaces = tuple(
        name for name in shipped_names("experiments") if name != "accuracy_chip" or find_spec("sklearn") is not None
    )
