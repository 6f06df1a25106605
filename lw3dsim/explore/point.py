"""A design point: the values of a space's parameters, and the command that simulates it again."""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from lw3dsim.base.parameters import declared_by, option_called, said_of
from lw3dsim.base.values import replace
from lw3dsim.network.request import Design

if TYPE_CHECKING:
    from lw3dsim.describe.workload import StreamState
    from lw3dsim.network.objective import Objective

Value = None | bool | int | float | str

# Paths of a run, and what `simulate` calls them.
RUN_FIELDS = {
    "run.arch": "arch",
    "run.transform": "transform",
    "run.algorithm": "algorithm",
    "run.input": "input_size",
    "run.batch": "batch",
    "run.stream_state": "stream_state",
    "run.fusion": "fusion",
    "run.objective": "objective",
}

# What the command of a point says even where it is the default.
ALWAYS_SAID = ("arch", "algorithm")

# Paths that only some layers of a network depend on.
TILES = frozenset(("winograd.m1", "winograd.m2"))


@dataclass(frozen=True, kw_only=True)
class Point:
    """Values by path, in the order of the space; parameters that do not apply are left out."""

    values: tuple[tuple[str, Value], ...]

    @cached_property
    def id(self) -> str:
        """A digest of the values: equal for equal designs, whatever found them."""
        text = json.dumps(sorted(self.values), separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cached_property
    def machine(self) -> tuple[tuple[str, Value], ...]:
        """The values that all layers depend on: designs that share them share layers."""
        return tuple(pair for pair in self.values if pair[0] not in TILES)

    @property
    def overrides(self) -> tuple[str, ...]:
        """The values as the ``--set`` texts of an accelerator."""
        return tuple(f"{path}={as_text(value)}" for path, value in self.values if path not in RUN_FIELDS)

    def arch(self, default: str) -> str:
        """Return the accelerator that the point starts from."""
        return str(dict(self.values).get("run.arch", default))


# Clips that a design may be measured on.
MAX_CLIPS = 1_000_000
Clips = Annotated[int, Meta(ge=1, le=MAX_CLIPS)]


class Examined(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The trained weights of a workload, the clips that it answers, and how many others calibrate it.

    Paths are seen from the folder of the space file. ``data`` is moving_digits or the folder of UCF-101.
    """

    MOVING: ClassVar[str] = "moving_digits"

    weights: str
    data: str = MOVING
    clips: Clips = 200
    calibration: Clips = 64
    camera_shake: bool = False

    def settings(self) -> dict[str, Any]:
        """Return what decides which clips there are."""
        own = {name: getattr(self, name) for name in ("data", "clips", "calibration", "camera_shake")}
        return own | {"splits": (1,), "keep_tested": False, "frame_stride": None, "workers": 1}


@dataclass(frozen=True, kw_only=True)
class Load:
    """A workload that designs are judged by, and how it is run; ``weight`` is its share where costs are averaged.

    Where designs are measured on clips, ``examined`` says on which.
    """

    workload: str
    transform: str | None = None
    algorithm: str = Design.algorithm
    input_size: str | None = None
    classes: int | None = None
    dims: tuple[str, ...] = ()
    batch: int = Design.batch
    stream_state: StreamState | None = None
    fusion: str = Design.fusion
    objective: Objective = Design.objective
    weight: float = 1.0
    examined: Examined | None = None

    def at(self, point: Point) -> Load:
        """Return the workload as ``point`` has it run."""
        chosen: dict[str, Any] = {
            RUN_FIELDS[path]: value if path == "run.batch" else str(value)
            for path, value in point.values
            if path in RUN_FIELDS and path != "run.arch"
        }
        return replace(self, **chosen)

    def command(self, point: Point, arch: str) -> str:
        """Return the command that simulates ``point`` of a space on ``arch`` with this workload."""
        chosen = self.at(point)
        values = {**vars(chosen), "arch": point.arch(arch)}
        words = ["lw3dsim", "simulate", self.workload]
        for each in declared_by(Design):
            value = values.get(each.name, each.default)
            if said_of(each).is_repeated:
                words += [word for one in value or () for word in (option_called(each), str(one))]
            elif value != each.default or each.name in ALWAYS_SAID:
                words += [option_called(each), str(value)]
        words += [word for override in point.overrides for word in ("--set", override)]
        return shlex.join(words)


def as_text(value: Value) -> str:
    """Return ``value`` as YAML that reads back as itself."""
    if isinstance(value, str):
        return value
    return json.dumps(value)
