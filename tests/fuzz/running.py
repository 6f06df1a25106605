"""Run one input in a folder of its own, and make small what was found."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lw3dsim.base.values import replace

from .case import Case, folder_of_its_own, random_of, write_files
from .session import Finding, Session, TooSlowError, time_limit

if TYPE_CHECKING:
    from .case import Kind

# Runs that the search for a smaller input may take, and the lines of a file that it may try.
MOST_RUNS = 40


@dataclass(frozen=True, kw_only=True)
class Found:
    """A finding with the input and the commands that show it."""

    kind: str
    seed: int
    number: int
    what: str
    signature: str
    detail: str
    commands: tuple[str, ...]
    case: Case


def run_case(kind: Kind, case: Case, *, seconds: float = 10.0, alone: bool = False) -> tuple[Finding | None, list[str]]:
    """Run ``case``; return what was found, if anything, and the commands up to there."""
    with folder_of_its_own() as folder:
        write_files(folder, case.files)
        session = Session(folder=folder, seconds=seconds, alone=alone)
        try:
            with time_limit(seconds):
                kind.run(session, case)
        except Finding as finding:
            return finding, session.log
        except TooSlowError:
            return Finding(
                f"longer than {seconds:g} s", f"too slow: {' '.join(session.log[-1].split()[:2])}"
            ), session.log
        except Exception as error:
            detail = traceback.format_exc()
            place = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__} in {Path(place.filename).name}:{place.name}: {error}"
            return Finding(
                what, f"{type(error).__name__} in {Path(place.filename).name}:{place.name}", detail
            ), session.log
    return None, session.log


def run_number(
    name: str, kind: Kind, seed: int, number: int, *, seconds: float = 10.0, alone: bool = False, shrinks: bool = True
) -> Found | None:
    """Draw input ``number`` of a kind and run it; return what was found, made small."""
    case = kind.make(random_of(name, seed, number))
    finding, log = run_case(kind, case, seconds=seconds, alone=alone)
    if finding is None:
        return None
    takes_long = finding.signature.startswith("too slow") or any("dse run" in line for line in log)
    if shrinks and not takes_long:
        case, finding, log = _shrunk(kind, case, finding, log, seconds)
    return Found(
        kind=name,
        seed=seed,
        number=number,
        what=finding.what,
        signature=finding.signature,
        detail=finding.detail,
        commands=tuple(log),
        case=case,
    )


def _shrunk(
    kind: Kind, case: Case, finding: Finding, log: list[str], seconds: float
) -> tuple[Case, Finding, list[str]]:
    """Drop files and lines of files as long as the same is found."""
    runs = 0
    for name, content in list(case.files.items()):
        if not isinstance(content, bytes) or b"\0" in content:
            continue
        size = max(content.count(b"\n") // 2, 1)
        while size and runs < MOST_RUNS:
            lines = case.files[name].splitlines(keepends=True)  # type: ignore[union-attr]
            at, dropped = 0, False
            while at < len(lines) and runs < MOST_RUNS and len(lines) > 1:
                fewer = lines[:at] + lines[at + size :]
                smaller = replace(case, files=case.files | {name: b"".join(fewer)})  # type: ignore[arg-type]
                runs += 1
                again, commands = run_case(kind, smaller, seconds=seconds)
                if again is not None and again.signature == finding.signature:
                    case, finding, log, lines, dropped = smaller, again, commands, fewer, True
                else:
                    at += size
            size = size if dropped and size == 1 else size // 2
    return case, finding, log


def keep(found: Found, folder: Path) -> None:
    """Write a finding, its commands and its files into ``folder``."""
    (folder / "files").mkdir(parents=True, exist_ok=True)
    write_files(folder / "files", found.case.files)
    words = [found.what, "", f"kind {found.kind}, seed {found.seed}, number {found.number}", ""]
    plan = ["", "plan:", *map(repr, found.case.plan)]
    (folder / "finding.txt").write_text("\n".join([*words, *found.commands, *plan, "", found.detail]), errors="replace")
