"""``lw3dsim``: the entry point. Commands are imported when they run, so that help is instant."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from lw3dsim._version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

# In the order of the help; each the first line of the command's own help.
COMMANDS = {
    "list": "Names of workloads, accelerators, transforms, algorithms, dataflows, DRAM presets, engines, and so on.",
    "show": "Layers of a workload: shapes, parameters, MACs, ideal multiplications; or an accelerator.",
    "simulate": "Simulate a workload on an accelerator: cycles, energy, memory accesses, and where they go.",
    "new": "Write a commented file to begin with: a workload, an accelerator with every field, or a space to search.",
    "import": "Write a network of another tool as a workload file that can be read and edited.",
    "export": "Write a workload as a model in ONNX.",
    "map": "Show the mapping of each layer as a loop nest; save it as a file to edit.",
    "trace": "Write what every unit does when, to look at in Perfetto or chrome://tracing.",
    "compare": "Simulate several cases of a workload side by side, with ratios to the first.",
    "explain": "Say what binds a workload on an accelerator, and what a step of each resource would buy.",
    "train": "Train a workload from scratch on labelled clips, and score it on others.",
    "score": "Score a trained network in the integers of an accelerator, on clips that it has not seen.",
    "dse": "Search a design space: run a study, look at it, export it.",
    "execute": "Run real tensors through the schedules of a workload and check the arithmetic.",
    "rtl": "Write the core of an accelerator in SystemVerilog, and hold it against the simulator.",
    "energy": "Print unit energies, leakage, areas and memory times of an accelerator, each with its source.",
    "algebra": "Matrices, additions, bit growth and float error of the Winograd algorithm F(m, r).",
    "dram": "Replay an address trace on a DRAM: time, row hits, commands and energy.",
    "plot": "Draw a figure for a paper: vector or PNG, in the width of a column, letters embedded, readable in grey.",
    "report": "Write a self-contained HTML page of a saved result.",
    "schema": "Every field of a kind of file, with meaning, range and default: JSON Schema, or a table of some.",
}

# Commands that multiply matrices of floats. For the others numpy's BLAS need not start a thread per core, which takes
# about as long as all else of numpy.
MULTIPLYING = {"execute", "score", "rtl"}
BLAS_THREADS = "OPENBLAS_NUM_THREADS"

# What arguments are called here that have another name in Python; those of a run say so themselves.
OPTIONS = {
    "cases": "--case",
    "name": "--case",
    "space": "SPACE",
    "workload": "WORKLOAD",
}


def option_of(argument: str) -> str:
    """Return what an argument in Python is called on the command line."""
    from lw3dsim.base.parameters import declared_by, option_called
    from lw3dsim.explore.wanted import Wanted
    from lw3dsim.learn.options import ScoringOptions, TrainingOptions
    from lw3dsim.network.request import Options

    kinds = (Options, Wanted, TrainingOptions, ScoringOptions)
    own = {each.name: option_called(each).partition("/")[0] for kind in kinds for each in declared_by(kind)}
    return {**own, **OPTIONS}.get(argument, f"--{argument}")


class LazyGroup(click.Group):
    """Commands by name, each imported from ``lw3dsim.cli.<name>`` on use; input errors exit with code 2."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program, on standard streams that can be used."""
        from lw3dsim.cli import streams

        streams.prepare()
        return super().main(*args, **kwargs)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the command names in reading order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        """Import and return a command."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in MULTIPLYING:
            os.environ.setdefault(BLAS_THREADS, "1")
        command: click.Command = import_module(f"lw3dsim.cli.{cmd_name}_command").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command; suggest the nearest for an unknown one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from lw3dsim.errors import unknown

            raise click.UsageError(str(unknown("command", args[0], COMMANDS)), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's signature
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options before the command; answer a wrong one in one line."""
        with _one_sentence():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; turn an input or output error into one sentence and exit code 2."""
        with _one_sentence():
            return super().invoke(ctx)


class _Refused(click.ClickException):
    exit_code = 2


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Turn errors that the user can mend into one printable line and exit code 2."""
    from lw3dsim.cli import streams
    from lw3dsim.errors import ArgumentError, InputError, OutputError, unknown

    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.NoSuchOption as error:
        allowed = error.ctx.command.params if error.ctx else []
        names = [name for parameter in allowed for name in parameter.opts if name.startswith("--")]
        raise _Refused(_line(str(unknown("option", error.option_name, [*names, "--help"])))) from None
    except click.UsageError as error:
        raise _Refused(_line(error.format_message())) from None
    except ArgumentError as error:
        raise _Refused(_line(error.sentence(option_of(error.argument)))) from None
    except (InputError, OutputError) as error:
        raise _Refused(_line(str(error))) from None
    except BrokenPipeError:
        streams.abandon()
        sys.exit(streams.READER_GONE)
    except streams.StandardOutputError as error:
        streams.abandon()
        raise _Refused(f"standard output cannot be written ({error.reason})") from None


# Longer words than any name or path of use are shown in part.
LONGEST_WORD = 200


def _line(text: str) -> str:
    words = (word if len(word) <= LONGEST_WORD else f"{word[:60]}...{word[-40:]}" for word in text.split())
    return "".join(c if c.isprintable() else " " for c in " ".join(words))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="lw3dsim")
def main() -> None:
    """Simulate what 3D-convolution video networks cost on an edge accelerator.

    Start with: lw3dsim compare c3d
    """
