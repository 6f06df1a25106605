"""Run commands and Python calls in this process, and judge what each of them owes whatever it was given."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent.parent
LONGEST_SENTENCE = 1500
# Lines that may stand before the sentence.
NOTES = ("note: ", "wrote ")
_PARTS = re.compile(r"0x[0-9a-f]+|\d+|'[^']*'|\"[^\"]*\"")


class Finding(AssertionError):  # noqa: N818  # a finding, not an error of ours
    """Something that must not be: ``what`` in one line, ``signature`` the same without the particulars."""

    def __init__(self, what: str, signature: str = "", detail: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.signature = _PARTS.sub("#", signature or what)[:200]
        self.detail = detail


class TooSlowError(BaseException):
    """The time of an input is over; no handler of the product takes it for an error of its own."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str
    error: BaseException | None = None

    @property
    def sentence(self) -> str:
        """The last line of standard error."""
        return (self.err.strip("\n").splitlines() or [""])[-1]


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TooSlowError in what computes longer, or thirty times as long on the clock: the machine may be busy."""

    def over(*_: object) -> None:
        raise TooSlowError

    alarms = ((signal.SIGPROF, signal.ITIMER_PROF, seconds), (signal.SIGALRM, signal.ITIMER_REAL, 30 * seconds))
    before = [signal.signal(number, over) for number, _, _ in alarms]
    for _, timer, after in alarms:
        signal.setitimer(timer, after)
    try:
        yield
    finally:
        for (number, timer, _), handler in zip(alarms, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return type and content of everything below ``folder``, by path."""
    seen = {}
    for path in sorted(folder.rglob("*")):
        mode = stat.S_IFMT(path.lstat().st_mode)
        content = (
            path.read_bytes() if stat.S_ISREG(mode) else os.fsencode(path.readlink()) if path.is_symlink() else b""
        )
        seen[str(path.relative_to(folder))] = (mode, content)
    return seen


@dataclass
class Session:
    """The commands that one input is given to, in ``folder``; ``alone`` runs each in a process of its own."""

    folder: Path
    seconds: float = 20.0
    alone: bool = False
    log: list[str] = field(default_factory=list)

    def cli(self, *args: str, writes: tuple[str, ...] = (), names: tuple[str, ...] = ()) -> Outcome:
        """Run a command that may make or replace ``writes`` alone; a refusal must hold one of ``names``."""
        self.log.append(shlex.join(["lw3dsim", *args]))
        before = snapshot(self.folder)
        is_study = args[:2] == ("dse", "run")
        # A study's own processes start from a process that is the product and nothing else.
        outcome = self._alone(args) if self.alone or is_study else self._here(args)
        self._judge(outcome, names, NOTES if not is_study else ("",))
        self._compare(before, writes if outcome.code == 0 else ())
        return outcome

    def json(self, *args: str, writes: tuple[str, ...] = (), names: tuple[str, ...] = ()) -> Any:
        """Run a command with ``--format json``; return what it prints, None where it refused."""
        outcome = self.cli(*args, "--format", "json", writes=writes, names=names)
        return parse_json(outcome.out) if outcome.code == 0 else None

    def python(self, text: str, scope: dict[str, Any], *, makes: bool = False) -> Any:
        """Evaluate a call of the Python API, which ``makes`` new files or none; return its value, or a refusal."""
        from lw3dsim.errors import InputError, OutputError

        self.log.append(text)
        before = snapshot(self.folder)
        try:
            value = eval(text, scope)  # noqa: S307  # a call that the fuzzer has written
        except (InputError, OutputError) as error:
            value = Outcome(code=2, out="", err=f"Error: {error}\n")
            self._judge(value, (), NOTES)
        except Exception as error:
            if not _own_frames(error):
                # The call itself can't be made: an attribute that can't be called, say.
                return Outcome(code=2, out="", err=f"Error: {error}")
            raise Finding(*_fault(error)) from None
        self._compare(before, tuple(snapshot(self.folder).keys() - before.keys()) if makes else ())
        return value

    def _here(self, args: tuple[str, ...]) -> Outcome:
        from lw3dsim.cli.main import main

        result = CliRunner().invoke(main, list(args))
        return Outcome(code=result.exit_code, out=result.stdout, err=result.stderr, error=result.exception)

    def _alone(self, args: tuple[str, ...]) -> Outcome:
        command = [sys.executable, "-m", "lw3dsim", *args]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            check=False,
        )
        return Outcome(code=run.returncode, out=run.stdout, err=run.stderr)

    def _judge(self, outcome: Outcome, names: tuple[str, ...], notes: tuple[str, ...]) -> None:
        """Raise Finding unless a command ended in success or one sentence, after lines that begin with ``notes``."""
        if outcome.error is not None and not isinstance(outcome.error, SystemExit):
            raise Finding(*_fault(outcome.error))
        if "Traceback" in outcome.err:
            raise Finding(f"a traceback: {outcome.sentence[:200]}", detail=outcome.err)
        if outcome.code not in (0, 2):
            raise Finding(f"exit code {outcome.code}: {outcome.sentence[:200]}", detail=outcome.err)
        if outcome.code == 0:
            return
        if outcome.err.startswith("Usage: ") and "--help" in outcome.err and "Error: " not in outcome.err:
            return  # A group without a command shows its help.
        *before, sentence = outcome.err.removesuffix("\n").split("\n")
        more = [line for line in before if line.startswith("Error") or not line.startswith(notes)]
        if more or not sentence.startswith("Error: "):
            raise Finding(f"not one sentence: {[*more, sentence][:3]}", "not one sentence", outcome.err)
        if not sentence.isprintable():
            raise Finding(f"what can't be printed: {sentence!r}", "what can't be printed")
        if len(sentence) > LONGEST_SENTENCE:
            raise Finding(f"a sentence of {len(sentence)} characters: {sentence[:100]}", "a sentence too long")
        if outcome.out:
            raise Finding(f"output beside a refusal: {outcome.out[:80]!r}", "output beside a refusal")
        if names and not any(name in sentence for name in names):
            what = f"no word of {' or '.join(names)}: {sentence}"
            raise Finding(what, f"names no file: {sentence}")

    def _compare(self, before: dict[str, tuple[int, bytes]], writes: tuple[str, ...]) -> None:
        """Raise Finding where anything but ``writes`` has changed in the folder."""
        after = snapshot(self.folder)
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) == after.get(name) or any(name == w or name.startswith(f"{w}/") for w in writes):
                continue
            what = "is gone" if name not in after else "was changed" if name in before else "was left over"
            raise Finding(f"{name} {what}", f"a file {what} by {' '.join(self.log[-1].split()[1:3])}")


def parse_json(text: str) -> Any:
    """Return what ``text`` holds; raise Finding where it is no JSON, or a number in it is not finite."""

    def refused(word: str) -> float:
        raise Finding(f"{word} in JSON", "a number that is not finite")

    def number(word: str) -> float:
        value = float(word)
        return value if math.isfinite(value) else refused(word)

    try:
        return json.loads(text, parse_constant=refused, parse_float=number)
    except ValueError as error:
        raise Finding(f"no JSON: {error}: {text[:80]!r}", "no JSON") from None


def _own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Return the frames of the product that an exception went through."""
    product = str(ROOT / "lw3dsim")
    return [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(product)]


def _fault(error: BaseException) -> tuple[str, str, str]:
    """Return what an exception was, where it came from, and its traceback."""
    ours = _own_frames(error)
    place = f"{Path(ours[-1].filename).name}:{ours[-1].name}" if ours else "?"
    what = f"{type(error).__name__} in {place}: {str(error)[:200]}"
    detail = "".join(traceback.format_exception(error))
    return what, f"{type(error).__name__} in {place}", detail
