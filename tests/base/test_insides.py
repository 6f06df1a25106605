"""Are the insides of libraries that this package uses what they were? ``pyproject.toml`` bounds these libraries."""

# ruff: noqa: SLF001  # insides are the subject

from __future__ import annotations

import multiprocessing
from types import FunctionType

import numba
import optuna
import pytest
import simpy
from numba.core import types

from lw3dsim.base.native import _for_all_values


def twice(x):
    return x + x


def translated(**options):
    clone = FunctionType(twice.__code__, {}, "twice")
    clone.__module__ = __name__
    return numba.njit(error_model="numpy", **options)(clone)


def kept_in(folder, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(folder))
    return translated(cache=True)


def is_clone_translated(*_):
    return translated()(3) == 6


def is_inlined(*_):
    inner = translated(forceinline=True)
    outer = numba.njit(lambda x: inner(x) + 1)
    return outer(3) == 7 and "alwaysinline" in next(iter(inner.inspect_llvm().values()))


def has_no_wrapper_for_c(*_):
    with_one, without = translated(), translated(no_cfunc_wrapper=True)
    assert with_one(3) == without(3)
    return "cfunc" in str(with_one.inspect_llvm()) and "cfunc" not in str(without.inspect_llvm())


def has_no_wrapper_for_python(*_):
    inner = translated(no_cpython_wrapper=True)
    outer = numba.njit(lambda x: inner(x) + 1)
    assert outer(3) == 7
    return "cpython" not in str(inner.inspect_llvm())


def counts_no_references(*_):
    def first(x):
        return x

    codes = []
    for option in ({}, {"_nrt": False}):
        function = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **option)(first)
        function.compile((types.int64[::1],))
        codes.append(str(function.inspect_llvm()))
    return "NRT_incref" in codes[0] and "NRT_incref" not in codes[1]


def templates_take_kinds(*_):
    function = _for_all_values(translated())
    outer = numba.njit(lambda x: function(7) + function(8) + x)
    assert outer(1) == 31
    return function.signatures == [(types.int64,)]


def unliteral_gives_the_kind(*_):
    return types.unliteral(types.literal(3)) == types.int64


def files_lie_in_the_folder_at_decoration(folder, monkeypatch):
    function = kept_in(folder, monkeypatch)
    monkeypatch.undo()
    assert function(3) == 6
    return sorted(path.suffix for path in folder.rglob("*.nb*")) == [".nbc", ".nbi"]


def caches_are_asked_and_told(folder, monkeypatch):
    calls = []
    function = kept_in(folder, monkeypatch)
    for name in ("load_overload", "save_overload"):
        inner = getattr(function._cache, name)
        monkeypatch.setattr(
            function._cache, name, lambda *args, name=name, inner=inner: (calls.append(name), inner(*args))[1]
        )
    assert function(3) == 6
    return calls == ["load_overload", "save_overload"]


def flushing_empties_the_index(folder, monkeypatch):
    assert kept_in(folder, monkeypatch)(3) == 6
    kept_in(folder, monkeypatch)._cache.flush()
    again = kept_in(folder, monkeypatch)
    assert again(3) == 6
    return sum(again.stats.cache_misses.values()) == 1


def events_succeed_at_any_priority(*_):
    env, seen = simpy.Environment(), []
    for name, priority in (("after", 2), ("before", 1)):
        event = simpy.Event(env)
        event._ok, event._value = True, name
        event.callbacks.append(lambda event: seen.append(event.value))
        env.schedule(event, priority=priority)
    env.run()
    return seen == ["before", "after"]


def trials_know_their_id(*_):
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
    "numba: njit of a clone": is_clone_translated,
    "numba: njit(forceinline)": is_inlined,
    "numba: njit(no_cfunc_wrapper)": has_no_wrapper_for_c,
    "numba: njit(no_cpython_wrapper)": has_no_wrapper_for_python,
    "numba: njit(_nrt)": counts_no_references,
    "numba: Dispatcher.get_call_template": templates_take_kinds,
    "numba: types.unliteral": unliteral_gives_the_kind,
    "numba: config.CACHE_DIR, .nbi and .nbc": files_lie_in_the_folder_at_decoration,
    "numba: Dispatcher._cache.load_overload, save_overload": caches_are_asked_and_told,
    "numba: Dispatcher._cache.flush": flushing_empties_the_index,
    "multiprocessing: Process._config": daemons_may_be_let_have_processes,
    "optuna: FrozenTrial._trial_id": trials_know_their_id,
    "simpy: Event._ok, Event._value, Environment.schedule": events_succeed_at_any_priority,
}


@pytest.mark.parametrize("inside", INSIDES)
def test_an_inside_of_a_library_is_what_it_was(inside, tmp_path, monkeypatch):
    assert INSIDES[inside](tmp_path, monkeypatch)
