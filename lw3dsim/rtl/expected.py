"""What a core should do with a program, as lines that the test bench reads: it compares, and ends with a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.arithmetic.number import shifted
from lw3dsim.rtl.words import of_bits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lw3dsim.rtl.design import Core
    from lw3dsim.rtl.notes import CoreProgram
    from lw3dsim.rtl.subject import GroupSubject, Subject


def expected_counts(subject: Subject | GroupSubject) -> dict[str, int]:
    """Return the words at ports, products, updates and operations that the simulator counts."""
    steps = subject.schedule
    operations = (
        0 if stage.problem.has_weights else own.total("vector_ops")
        for stage, own in zip(subject.stages, steps.stage_programs, strict=True)
    )
    return {
        "ifmap_words": steps.total("ifmap_read_words"),
        "weight_words": steps.total("weight_read_words"),
        "ofmap_words": drained_words(subject) + steps.total("intermediate_read_words"),
        "products": steps.total("mults"),
        "updates": steps.total("accumulations"),
        "operations": sum(operations),
    }


def drained_words(subject: Subject | GroupSubject) -> int:
    """Return the words that drains read and write: partial sums there and back, results, intermediate tensors."""
    steps = subject.schedule
    return 2 * steps.total("partial_words") + steps.total("result_words") + steps.total("intermediate_write_words")


def expected(subject: Subject | GroupSubject, core: Core, program: CoreProgram) -> Iterator[str]:
    """Yield what the bench compares: cycles of work of steps, words of results with their sums, counts."""
    trace, stops = subject.trace, subject.paused
    for name, times in (("start", trace.start), ("end", trace.end), ("drained", trace.drained)):
        for at in times:
            yield f"expect {name} {stops.worked(subject.cycle(at)) - subject.ahead}"
    for result in program.results:
        stage, many = subject.stages[result.stage], len(result.at)
        sums = stage.output.reshape(-1)[result.at]
        codes = shifted(sums, stage.shift, stage.number)
        (word,) = of_bits(codes, core.activation, many * core.activation)
        (wide,) = of_bits(sums, core.result_bits + 2, many * (core.result_bits + 2))
        yield f"expect result {result.address} {many} {word:x} {wide:x}"
    for leaves in program.leaving:
        stage, many = subject.stages[leaves.stage], len(leaves.at)
        codes = shifted(stage.output.reshape(-1)[leaves.at], stage.shift, stage.number)
        (word,) = of_bits(codes, core.activation, many * core.activation)
        yield f"expect left {leaves.element} {many} {word:x}"
    for name, count in expected_counts(subject).items():
        yield f"expect {name} {count}"
