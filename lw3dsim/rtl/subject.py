"""What a program is made from: a layer that was mapped, simulated, and executed on tensors that are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.arithmetic.computation import Computation  # noqa: TC001  # read where a value is made
from lw3dsim.arithmetic.machine import execute
from lw3dsim.arithmetic.moves import arranged
from lw3dsim.arithmetic.number import Number, Tensor, random_tensor, shift_of
from lw3dsim.base.values import Value
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.engine.run import simulate_schedule
from lw3dsim.engine.trace import Trace  # noqa: TC001
from lw3dsim.machine.microarchitecture import Machine, make_machine
from lw3dsim.machine.problem import Problem  # noqa: TC001
from lw3dsim.map.layer.mapping import Mapping  # noqa: TC001
from lw3dsim.network.execution import Bench, make_computation, referenced
from lw3dsim.network.given import Given
from lw3dsim.schedule.build import build_schedule
from lw3dsim.schedule.program import Schedule  # noqa: TC001
from lw3dsim.schedule.work import LayerWork

if TYPE_CHECKING:
    from lw3dsim.account.simulated import Unit
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer, Workload


NOTHING = Given(source="random", readers={})


class Subject(Value, frozen=True, kw_only=True, eq=False):
    """A layer that was mapped, simulated and executed: all that a program of it is made from.

    ``output`` are the sums that it makes, activated, ``shift`` what brings them to the width of activations, those
    of ``number``; ``operands`` hold weights too.
    """

    name: str
    problem: Problem
    mapping: Mapping
    machine: Machine
    schedule: Schedule
    trace: Trace
    cycle_ticks: int
    number: Number
    operands: Number
    computation: Computation
    sources: list[Tensor]
    output: Tensor
    shift: int

    def cycle(self, ticks: int) -> int:
        """Return the first core cycle that begins at a time or later."""
        return -(-int(ticks) // self.cycle_ticks)

    @property
    def ahead(self) -> int:
        """Cycles from where a step is fed to where the engines see its first product."""
        return self.machine.fill_cycles - 1


def integers(arch: Accelerator) -> Number:
    """Return the integers that are the activations of ``arch``."""
    return _of_bits(arch.precision.activation_bits)


def operands(arch: Accelerator) -> Number:
    """Return the integers that hold activations and weights of ``arch``, of which either may be the wider."""
    return _of_bits(max(arch.precision.activation_bits, arch.precision.weight_bits))


def _of_bits(bits: int) -> Number:
    return Number(name=f"int{bits}", bits=bits, dtype="int64")


def make_subject(
    name: str,
    problem: Problem,
    mapping: Mapping,
    arch: Accelerator,
    computation: Computation,
    sources: list[Tensor],
    engine: str = "auto",
) -> Subject:
    """Simulate and execute a mapped layer on ``sources``."""
    clocks, number, either = make_clocks(arch), integers(arch), operands(arch)
    machine = make_machine(problem, arch, mapping.parallel)
    schedule = build_schedule(problem, mapping, arch, clocks)
    timing = simulate_schedule(schedule, clocks, engine)
    output, _ = execute(problem, mapping, schedule, machine, either, computation, sources)
    return Subject(
        name=name, problem=problem, mapping=mapping, machine=machine, schedule=schedule, trace=timing.trace,
        cycle_ticks=clocks.cycle_ticks, number=number, operands=either, computation=computation, sources=sources,
        output=output, shift=shift_of(output, number),
    )  # fmt: skip


def drawn(network: Workload, unit: Unit, arch: Accelerator, seed: int, engine: str) -> Subject:
    """Return a layer of a network on tensors that are drawn; what it gives is held against a direct computation."""
    layer: AnyLayer = unit.layers[0]
    work, number = unit.run.work, operands(arch)
    assert isinstance(work, LayerWork)  # noqa: S101  # others are refused before
    bench = Bench(network=network, design=arch, number=number, random=np.random.default_rng(seed), given=NOTHING)
    sources = [random_tensor(tuple(shape), integers(arch), bench.random) for shape in network.input_shapes(layer)]
    named = dict(zip(layer.inputs, sources, strict=True))
    reference, computation = referenced(layer, sources, make_computation(bench, layer, named), number)
    arranged_sources = arranged(layer, sources)
    made = make_subject(unit.name, work.problem, work.mapping, arch, computation, arranged_sources, engine)
    if not np.array_equal(made.output, reference):
        raise AssertionError(f"{unit.name}: executed and direct computation differ")
    return made
