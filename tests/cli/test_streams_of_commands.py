"""Do commands end as they should on the standard streams that they find, and say each thing once?"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress

import click
import pytest

from lw3dsim.cli.main import COMMANDS, main

LW3DSIM = [sys.executable, "-m", "lw3dsim"]


def shell(line, **environment):
    command = " ".join(LW3DSIM)
    return subprocess.run(
        ["bash", "-c", line.replace("lw3dsim", command)], capture_output=True, env={**os.environ, **environment}
    )


def commands():
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        if isinstance(command, click.Group):
            yield from (
                (f"{name} {inner}", command.get_command(context, inner)) for inner in command.list_commands(context)
            )
        else:
            yield name, command


@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_an_option_of_one_value_that_is_given_twice_is_refused(cli, name, command):
    for option in command.params:
        if isinstance(option, click.Option) and not option.multiple:
            given = [option.opts[-1]] if option.is_flag else [option.opts[-1], "1"]
            result = cli(*name.split(), "x", *given, *given)
            assert result.exit_code == 2, option.name
            assert "is given twice" in result.stderr, option.name
            assert len(result.stderr.splitlines()) == 1, option.name


@pytest.mark.parametrize("pair", ["pe.rows=8 pe.rows=16", "pe.rows=8 pe={rows:16}"])
def test_an_override_that_undoes_another_is_refused(cli, pair):
    result = cli("energy", *(word for text in pair.split() for word in ("--set", text)))
    assert result.exit_code == 2
    assert "undoes --set pe.rows=8; keep one" in result.stderr


def test_a_closed_standard_error_is_no_failure():
    ended = shell("lw3dsim show c3d --format json 2>&-")
    assert ended.returncode == 0
    assert ended.stdout.endswith(b"}\n")


def test_a_refusal_with_a_closed_standard_error_keeps_its_exit_code():
    assert shell("lw3dsim show nope 2>&-").returncode == 2


@pytest.mark.parametrize("command", ["show c3d", "show c3d --format json", "list", "--help"])
@pytest.mark.parametrize(("target", "reason"), [(">&-", b"Bad file descriptor"), (">/dev/full", b"No space left")])
def test_a_standard_output_that_takes_nothing_is_said(command, target, reason):
    ended = shell(f"lw3dsim {command} {target}")
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"Error: standard output cannot be written")
    assert reason in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_standard_output_without_buffer_is_said_too():
    ended = shell("lw3dsim show c3d >/dev/full", PYTHONUNBUFFERED="1")
    assert ended.returncode == 2
    assert ended.stderr == b"Error: standard output cannot be written (No space left on device)\n"


def test_a_standard_output_that_would_have_to_be_waited_for_is_said():
    reader, writer = os.pipe()
    try:
        os.set_blocking(writer, False)
        with suppress(BlockingIOError):
            while os.write(writer, b"x"):
                pass
        ended = subprocess.run([*LW3DSIM, "list"], stdout=writer, stderr=subprocess.PIPE)
    finally:
        os.close(reader)
        os.close(writer)
    assert ended.returncode == 2
    assert ended.stderr == b"Error: standard output cannot be written (Resource temporarily unavailable)\n"


@pytest.mark.parametrize("command", ["show c3d", "schema", "--help"])
def test_a_reader_that_has_gone_ends_a_command_as_sigpipe_does(command):
    ended = shell(f"set -o pipefail; lw3dsim {command} | (exec <&-; true); exit ${{PIPESTATUS[0]}}")
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("command", "encoding"),
    [
        ("show", "latin-1"),
        ("show", "utf-8"),
        *((one, "ascii") for one in ("show", "simulate", "map", "simulate --format csv")),
    ],
)
def test_names_are_printed_in_any_encoding(tmp_path, command, encoding):
    file = tmp_path / "net.yaml"
    file.write_text(
        "name: réseau\ninputs: {clip: {channels: 2, frames: 2, height: 4, width: 4}}\nlayers:\n"
        "  - {name: première卷积, kind: conv3d, out_channels: 2, kernel: [1, 1, 1]}\n",
        encoding="utf-8",
    )
    verb, *rest = command.split()
    ended = shell(f"lw3dsim {verb} {file} {' '.join(rest)}", LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING=encoding)
    assert ended.returncode == 0, ended.stderr
    assert "première卷积".encode(encoding, "backslashreplace") in ended.stdout


@pytest.mark.parametrize("arguments", [("energy", "--set"), ("compare", "c3d", "--case")])
def test_bytes_that_are_no_text_are_refused_in_one_sentence(arguments):
    ended = subprocess.run([*LW3DSIM, *arguments, b"\xff:=3"], capture_output=True)
    assert ended.returncode == 2
    assert b"is not text" in ended.stderr
    assert b"Traceback" not in ended.stderr


LONG = "q" * 500


@pytest.mark.parametrize(
    "arguments",
    [
        (LONG,),
        ("list", LONG),
        ("list", f"--{LONG}"),
        ("simulate", LONG),
        ("simulate", "c3d", "--arch", LONG),
        ("simulate", "c3d", "--transform", LONG),
        ("simulate", "c3d", "--transform", f"fsb:{LONG}=1"),
        ("simulate", "c3d", "--algorithm", LONG),
        ("simulate", "c3d", "--input", LONG),
        ("simulate", "c3d", "--set", LONG),
        ("simulate", "c3d", "--set", f"{LONG}=3"),
        ("simulate", "c3d", "--set", f"pe.{LONG}=3"),
        ("simulate", "c3d", "--set", f"pe={{{LONG}: 1}}"),
        ("simulate", "c3d", "--set", f"dram.preset={LONG}"),
        ("simulate", "c3d", "--clips", "9" * 500),
        ("simulate", "c3d", "--mapping", LONG),
        ("compare", "c3d", "--case", f"{LONG}: --{LONG}"),
        ("compare", "c3d", "--arch", LONG, "--arch", LONG),
        ("map", "c3d", "--layer", LONG),
        ("show", "c3d", "--format", LONG),
        ("show", "c3d", "--columns", LONG),
        ("dse", "status", LONG),
        ("dse", LONG),
        ("report", LONG),
    ],
    ids=str,
)
def test_a_long_word_is_echoed_in_part(cli, arguments):
    result = cli(*arguments)
    assert result.exit_code == 2
    assert "q" * 201 not in result.stderr
    assert "9" * 201 not in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("option", ["--objective=energy", "--transform=fsb", "--mapping=file.yaml"])
def test_an_option_of_a_case_is_answered_with_its_place(cli, option):
    result = cli("compare", "c3d_small", option)
    assert result.exit_code == 2
    name = option.partition("=")[0]
    assert result.stderr == f'Error: {name} is an option of a case; give it in one: --case "NAME: {name} ..."\n'
