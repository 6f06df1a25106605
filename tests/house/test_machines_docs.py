"""Are the recipes for many machines scripts, jobs and commands that would run?"""

from __future__ import annotations

import os
import shlex
import subprocess

import pytest
import yaml
from explore_helpers import ROOT
from test_docs import blocks

from lw3dsim.cli.dse_command import command
from lw3dsim.explore.space_file import load_space
from lw3dsim.explore.wanted import as_address

DOCUMENT = ROOT / "docs" / "machines.md"


def parsed(words):
    """Return the options of a `lw3dsim dse run` as the command line reads them; nothing runs."""
    assert words[:3] == ["lw3dsim", "dse", "run"]
    options = command.commands["run"].make_context("run", words[3:]).params
    assert load_space(options["space"]).name == "edge_chip"
    return options


def test_the_script_for_slurm_runs_a_command_that_joins_a_study(tmp_path):
    (text,) = blocks(DOCUMENT, "bash")
    script = tmp_path / "array.sh"
    script.write_text(text)
    # Stands for SLURM's, which would run the words that it is given.
    runs = tmp_path / "srun"
    runs.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    runs.chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    told = subprocess.run(["bash", script], check=True, capture_output=True, text=True, env=os.environ | path)
    options = parsed(told.stdout.splitlines())
    assert options["resume"]
    given = dict(
        line.removeprefix("#SBATCH --").split("=", 1) for line in text.splitlines() if "=" in line and "#S" in line
    )
    tasks = int(given["array"].partition("-")[2])
    assert options["batch"] >= 2 * tasks * int(given["cpus-per-task"])
    assert options["workers"] is None


def test_the_job_for_kubernetes_is_one():
    (text,) = blocks(DOCUMENT, "yaml")
    job = yaml.safe_load(text)
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    spec = job["spec"]
    # A queue of work has no completions, and pods that may be begun again.
    assert "completions" not in spec
    assert spec["template"]["spec"]["restartPolicy"] == "OnFailure"
    (container,) = spec["template"]["spec"]["containers"]
    assert all(isinstance(word, str) for word in container["command"])
    options = parsed(container["command"])
    assert options["resume"]
    assert str(options["workers"]) == container["resources"]["requests"]["cpu"]
    assert options["batch"] >= 2 * spec["parallelism"] * options["workers"]


def test_its_commands_are_those_of_the_programs():
    pytest.importorskip("distributed")
    from distributed.cli import dask_scheduler, dask_worker

    (block,) = blocks(DOCUMENT, "console")
    scheduler, worker, run = map(shlex.split, block.splitlines())
    assert [words[:2] for words in (scheduler, worker)] == [["dask", "scheduler"], ["dask", "worker"]]
    assert dask_scheduler.main.make_context("scheduler", scheduler[2:]).params["port"] == "8786"
    given = dask_worker.main.make_context("worker", worker[2:]).params
    options = parsed(run)
    assert as_address("dask", options["dask"]) == given["scheduler"]
    assert (given["n_workers"], given["nthreads"]) == ("16", 1)


def test_its_python_compiles():
    (text,) = blocks(DOCUMENT, "python notest")
    compile(text, "machines.md", "exec")


def test_it_names_the_extras_that_there_are():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for line in (line for block in blocks(DOCUMENT, "sh") for line in block.splitlines() if "pip install" in line):
        extra = line.partition("[")[2].partition("]")[0]
        assert f"\n{extra} = [" in text
