"""An engine of ACME: every step is placed by the rules as they stand, interpreted; nothing is jumped over."""

from lw3dsim.engine import fast_engine
from lw3dsim.engine.memory import Memory
from lw3dsim.engine.run import Ran, one_by_one
from lw3dsim.engine.trace import Job


def run(job: Job, memory: Memory, _may_jump: bool) -> Ran:
    """Return the times of every step and transfer, and the memory as the last one left it."""
    return one_by_one(fast_engine.run, job, memory)
