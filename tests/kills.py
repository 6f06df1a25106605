"""Killing commands with SIGKILL: at random moments, and exactly where they touch a folder."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PATHS = (str, bytes, os.PathLike)

# What a process does to files that an audit hook is told of; reading is no event.
EVENTS = ("open", "os.rename", "os.remove", "os.truncate", "sqlite3.connect")


def kill_at_random(command, generator, longest_s):
    """Run a ``command``, a list of words, and kill it within ``longest_s``; return whether it was still running."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        time.sleep(generator.uniform(0, longest_s))
        was_running = process.poll() is None
        process.kill()
        process.wait()
        return was_running


def killed_at(arguments, folder, step):
    """Run the command line and kill it when it touches ``folder`` for time number ``step``, from 0.

    Return whether it was killed; it has ended by itself otherwise. Raises AssertionError where it failed.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lw3dsim.explore.warm", "lw3dsim.explore.page", "lw3dsim.explore.export"])
    process = context.Process(target=_run, args=([str(word) for word in arguments], str(folder), step))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), (arguments, process.exitcode)
    return process.exitcode != 0


def _run(arguments, folder, step):
    from lw3dsim.cli.main import main

    touched = 0

    def count(event, args):
        nonlocal touched
        if event in EVENTS and any(str(folder) in os.fsdecode(arg) for arg in args if isinstance(arg, PATHS)):
            if event == "open" and args[1] in ("r", "rb"):
                return
            if touched == step:
                os.kill(os.getpid(), signal.SIGKILL)
            touched += 1

    sys.addaudithook(count)
    with Path(os.devnull).open("w") as sink:
        sys.stdout = sys.stderr = sink
        main(arguments)
