"""A design point: the values of a space's parameters, and the command that simulates it again."""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import dataclass
from functools import cached_property

Value = None | bool | int | float | str

# Paths of a run, what `simulate` calls them, and their option.
RUN_FIELDS = {
    "run.arch": ("arch", "--arch"),
    "run.transform": ("transform", "--transform"),
    "run.algorithm": ("algorithm", "--algorithm"),
    "run.input": ("input_size", "--input"),
}


@dataclass(frozen=True, kw_only=True)
class Point:
    """Values by path, in the order of the space; parameters that do not apply are left out."""

    values: tuple[tuple[str, Value], ...]

    @cached_property
    def id(self) -> str:
        """A digest of the values: equal for equal designs, whatever found them."""
        text = json.dumps(sorted(self.values), separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def overrides(self) -> tuple[str, ...]:
        """The values as the ``--set`` texts of an accelerator."""
        return tuple(f"{path}={as_text(value)}" for path, value in self.values if path not in RUN_FIELDS)

    @property
    def run(self) -> dict[str, str]:
        """The values of the run, by the name of their ``simulate`` parameter."""
        return {RUN_FIELDS[path][0]: str(value) for path, value in self.values if path in RUN_FIELDS}


@dataclass(frozen=True, kw_only=True)
class Load:
    """A workload that designs are judged by, and how it is run; ``weight`` is its share where costs are averaged."""

    workload: str
    transform: str | None = None
    algorithm: str = "direct"
    input_size: str | None = None
    classes: int | None = None
    weight: float = 1.0

    def command(self, point: Point, arch: str) -> str:
        """Return the command that simulates ``point`` of a space on ``arch`` with this workload."""
        options: dict[str, str | None] = {
            "--arch": arch,
            "--transform": self.transform,
            "--algorithm": self.algorithm,
            "--input": self.input_size,
            "--classes": None if self.classes is None else str(self.classes),
        }
        options |= {RUN_FIELDS[path][1]: str(value) for path, value in point.values if path in RUN_FIELDS}
        words = ["lw3dsim", "simulate", self.workload]
        words += [word for option, value in options.items() if value for word in (option, value)]
        words += [word for override in point.overrides for word in ("--set", override)]
        return shlex.join(words)


def as_text(value: Value) -> str:
    """Return ``value`` as YAML that reads back as itself."""
    if isinstance(value, str):
        return value
    return json.dumps(value)
