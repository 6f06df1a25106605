"""Are the insides of libraries that this package uses what they were? ``pyproject.toml`` bounds these libraries."""

# ruff: noqa: SLF001  # insides are the subject

from __future__ import annotations

import multiprocessing

import optuna
import pytest
import simpy


def events_succeed_at_any_priority():
    env, seen = simpy.Environment(), []
    for name, priority in (("after", 2), ("before", 1)):
        event = simpy.Event(env)
        event._ok, event._value = True, name
        event.callbacks.append(lambda event: seen.append(event.value))
        env.schedule(event, priority=priority)
    env.run()
    return seen == ["before", "after"]


def trials_know_their_id():
    storage = optuna.storages.InMemoryStorage()
    study = storage.create_new_study([optuna.study.StudyDirection.MINIMIZE])
    ids = [storage.create_new_trial(study) for _ in range(3)]
    return [trial._trial_id for trial in storage.get_all_trials(study)] == ids


def daemons_may_be_let_have_processes(*_):
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe()
    parent = context.Process(target=_begets, args=(theirs,), daemon=True)
    parent.start()
    assert ours.poll(20)
    said = ours.recv()
    parent.join()
    return said == "its child's"


def _begets(pipe):
    multiprocessing.current_process()._config.pop("daemon", None)
    child = multiprocessing.get_context("forkserver").Process(target=pipe.send, args=("its child's",), daemon=True)
    child.start()
    child.join()


INSIDES = {
    "multiprocessing: Process._config": daemons_may_be_let_have_processes,
    "optuna: FrozenTrial._trial_id": trials_know_their_id,
    "simpy: Event._ok, Event._value, Environment.schedule": events_succeed_at_any_priority,
}


@pytest.mark.parametrize("inside", INSIDES)
def test_an_inside_of_a_library_is_what_it_was(inside):
    assert INSIDES[inside]()
