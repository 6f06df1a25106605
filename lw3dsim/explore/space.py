"""A search space: parameters with finitely many values, the workloads, objectives and limits of a search.

A choice is the tuple of the places of all free parameters' values. Parameters
that do not apply (``when``) stand at place 0 in the canonical choice, so that a design has one.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lw3dsim._version import __version__
from lw3dsim.base.calls import strict_methods
from lw3dsim.errors import InputError, one_line
from lw3dsim.explore.metrics import costs, is_allowed, known_metrics
from lw3dsim.explore.point import Point

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lw3dsim.explore.metrics import Combine, Limit
    from lw3dsim.explore.point import Load, Value

Choice = tuple[int, ...]

# Choices up to which designs are counted.
COUNTABLE = 200_000


def digest_of(path: Path) -> str:
    """Return a digest of a file. Raises InputError where it can't be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{one_line(str(path), 200)} cannot be read ({error.strerror}); give a file") from None


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter: its path, its values in order, and the values of others under which it applies.

    ``same_as`` names the parameter that it follows; it then has no values of its own.
    ``is_ordered`` says whether neighbouring values are alike.
    """

    path: str
    values: tuple[Value, ...]
    when: tuple[tuple[str, tuple[Value, ...]], ...] = ()
    same_as: str | None = None

    @property
    def is_ordered(self) -> bool:
        """Whether the values are numbers in rising order."""
        numbers = [v for v in self.values if isinstance(v, int | float) and not isinstance(v, bool)]
        return len(numbers) == len(self.values) and numbers == sorted(numbers)


@strict_methods
@dataclass(frozen=True, kw_only=True)
class Space:
    """Everything that defines a search; ``reference`` bounds the hypervolume, by objective, where it is given.

    ``contents`` is what names stand for: the accelerators and networks that are searched; ``text`` is the YAML that
    it was read from, and ``path`` the file. What designs answer on clips is kept in the file ``answers``, if any.
    """

    name: str
    description: str
    arch: str
    loads: tuple[Load, ...]
    combine: Combine
    parameters: tuple[Parameter, ...]
    objectives: tuple[str, ...]
    limits: tuple[Limit, ...]
    reference: tuple[tuple[str, float], ...]
    contents: str
    text: str
    path: str
    answers: str = ""

    @cached_property
    def free(self) -> tuple[Parameter, ...]:
        """The parameters that are chosen; the others follow one of them."""
        return tuple(parameter for parameter in self.parameters if parameter.same_as is None)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The number of values of every free parameter."""
        return tuple(len(parameter.values) for parameter in self.free)

    @cached_property
    def size(self) -> int:
        """The number of choices; designs are fewer where parameters do not always apply."""
        return math.prod(self.sizes)

    @cached_property
    def designs(self) -> int:
        """The number of designs; of choices, in a space too large to count where parameters do not always apply."""
        is_plain = not any(parameter.when for parameter in self.parameters)
        return self.size if is_plain or self.size > COUNTABLE else sum(1 for _ in self.all_choices())

    @cached_property
    def digest(self) -> str:
        """A digest of everything that decides what a point of this space costs."""
        described = (self.arch, self.loads, self.combine, self.parameters, self.objectives, self.limits)
        text = json.dumps([__version__, repr(described), repr(self.reference), self.contents])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that are known of its designs; what takes time to work out only where it is asked for."""
        return known_metrics((*self.objectives, *(limit.name for limit in self.limits)))

    def _assigned(self, choice: Choice) -> dict[str, Value]:
        values: dict[str, Value] = {}
        places = iter(choice)
        for parameter in self.parameters:
            place = next(places) if parameter.same_as is None else 0
            applies = all(path in values and values[path] in allowed for path, allowed in parameter.when)
            if not applies or (parameter.same_as is not None and parameter.same_as not in values):
                continue
            values[parameter.path] = parameter.values[place] if parameter.same_as is None else values[parameter.same_as]
        return values

    def point(self, choice: Choice) -> Point:
        """Return the design of ``choice``."""
        return Point(values=tuple(self._assigned(choice).items()))

    def canonical(self, choice: Choice) -> Choice:
        """Return the choice that stands for all that make the same design as ``choice``."""
        active = self._assigned(choice)
        return tuple(
            place if parameter.path in active else 0 for parameter, place in zip(self.free, choice, strict=True)
        )

    def choice_of(self, values: Mapping[str, Value]) -> Choice:
        """Return the canonical choice with these ``values``; raise ValueError for one that is none of the space."""
        return tuple(
            parameter.values.index(values[parameter.path]) if parameter.path in values else 0 for parameter in self.free
        )

    def numbered(self, number: int) -> Choice:
        """Return choice ``number`` in the order in which the last parameter moves fastest."""
        places = []
        for size in reversed(self.sizes):
            number, place = divmod(number, size)
            places.append(place)
        return tuple(reversed(places))

    def all_choices(self) -> Iterator[Choice]:
        """Yield the canonical choice of every design, in order."""
        for number in range(self.size):
            choice = self.numbered(number)
            if self.canonical(choice) == choice:
                yield choice

    def costs(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """Return the objectives of a design, all to be minimised."""
        return costs(metrics, self.objectives)

    def allows(self, metrics: Mapping[str, float]) -> bool:
        """Return whether a design keeps all limits."""
        return is_allowed(metrics, self.limits)

    def command(self, point: Point) -> str:
        """Return the command that simulates ``point`` again, once per workload."""
        return " && ".join(load.command(point, self.arch) for load in self.loads)

    def described(self) -> dict[str, Any]:
        """Return what a reader of the study wants to know of the space, as plain values."""
        return {
            "name": self.name,
            "description": self.description,
            "arch": self.arch,
            "workloads": [load.workload for load in self.loads],
            "parameters": {p.path: list(p.values) if p.same_as is None else f"= {p.same_as}" for p in self.parameters},
            "objectives": list(self.objectives),
            "constraints": [str(limit) for limit in self.limits],
        }
