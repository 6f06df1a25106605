"""Is a claim freed at once where its process is known to be dead, after a time where it is silent, and else not?"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from explore_helpers import write_space

from lw3dsim.explore.plan import Plan
from lw3dsim.explore.processes import Process, is_dead, this_process
from lw3dsim.explore.space_file import load_space
from lw3dsim.explore.study import begun
from lw3dsim.explore.wanted import Wanted

PATIENCE_S = 0.5


@pytest.fixture
def ended():
    """Return a process that has ended, as it was while it lived."""
    code = "import sys; from lw3dsim.explore.processes import this_process as p; import msgspec; "
    code += "sys.stdout.write(msgspec.json.encode(p()).decode())"
    import msgspec

    text = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    return msgspec.json.decode(text, type=Process)


def changed(process, **fields):
    import msgspec

    return msgspec.structs.replace(process, **fields)


@pytest.fixture
def sharing(tmp_path):
    """Return two processes' views of one study, and the first proposal of its plan."""
    space = load_space(write_space(tmp_path))
    (proposal, *_) = Plan(space, "exhaustive", 0).ask()
    wanted = Wanted(resume=True, patience_s=PATIENCE_S)
    where = f"sqlite:///{tmp_path}/study.db"
    with begun(space, where, wanted) as one, begun(space, where, wanted) as other:
        yield one, other, proposal


def claimed_by(store, proposal, process):
    store._process = process  # noqa: SLF001  # as if it ran there
    assert store.claim([proposal]) == [True]


def is_freed(store, proposal):
    """Look as a run does, once."""
    store.beat()
    store.poll()
    return store.is_free(proposal.point.id)


def seen(store, proposal):
    store.poll()
    assert not store.is_free(proposal.point.id)


def test_a_claim_of_a_dead_process_of_this_machine_is_freed_at_the_next_look(sharing, ended):
    one, other, proposal = sharing
    claimed_by(one, proposal, ended)
    seen(other, proposal)
    begin = time.monotonic()
    assert is_freed(other, proposal)
    assert time.monotonic() - begin < PATIENCE_S
    assert other.claim([proposal]) == [True]


def test_a_claim_whose_number_another_process_has_now_is_freed_too(sharing):
    one, other, proposal = sharing
    me = this_process()
    claimed_by(one, proposal, changed(me, start=me.start - 1))
    seen(other, proposal)
    assert is_freed(other, proposal)


@pytest.mark.parametrize("where", ["another machine", "a system that does not say"])
def test_a_claim_of_elsewhere_is_freed_after_a_time_of_silence(sharing, ended, where):
    one, other, proposal = sharing
    claimed_by(one, proposal, changed(ended, host="elsewhere/1") if where == "another machine" else None)
    seen(other, proposal)
    begin = time.monotonic()
    while not is_freed(other, proposal):
        assert time.monotonic() - begin < 20 * PATIENCE_S
        time.sleep(0.02)
    assert time.monotonic() - begin > PATIENCE_S


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_a_claim_of_a_living_process_holds_as_long_as_it_counts(sharing, where):
    one, other, proposal = sharing
    me = this_process()
    claimed_by(one, proposal, me if where == "here" else changed(me, host="elsewhere/1"))
    seen(other, proposal)
    begin = time.monotonic()
    while time.monotonic() - begin < 3 * PATIENCE_S:
        one.beat()
        assert not is_freed(other, proposal)
        time.sleep(0.02)


def test_a_process_that_has_ended_and_was_not_asked_how_is_dead():
    code = "import sys; sys.stdin.read()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    from lw3dsim.explore import processes

    me = this_process()
    process = changed(me, pid=child.pid, start=processes._start(child.pid))  # noqa: SLF001
    assert not is_dead(process)
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(process)
    child.wait()
    assert is_dead(process)
    assert not is_dead(me)
