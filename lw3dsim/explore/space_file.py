"""Read a search space from YAML; whatever is wrong becomes one sentence with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, get_args

import msgspec
from msgspec import Meta

from lw3dsim.arguments import MAX_EXTENT, as_dims, as_sizes
from lw3dsim.base.records import matching
from lw3dsim.describe.accelerator import Accelerator
from lw3dsim.describe.beginnings import Field, schema_fields
from lw3dsim.describe.catalog import find
from lw3dsim.describe.expected import rule
from lw3dsim.describe.source import decode, parse_file, read_text
from lw3dsim.describe.workload import StreamState
from lw3dsim.describe.workload_file import says
from lw3dsim.errors import ArgumentError, short, suggest
from lw3dsim.explore.metrics import METRICS, Combine, Limit, measured
from lw3dsim.explore.named import contents_of
from lw3dsim.explore.point import RUN_FIELDS, Examined, Load
from lw3dsim.explore.space import Parameter, Space
from lw3dsim.network.objective import OBJECTIVES, Objective
from lw3dsim.network.request import DEFAULT_ARCH, MAX_BATCH, MAX_CLASSES, Design, Fusion
from lw3dsim.network.units import MODES
from lw3dsim.transform.algorithms import POLICIES

if TYPE_CHECKING:
    from pathlib import Path

    from lw3dsim.describe.document import Document, KeyPath
    from lw3dsim.explore.point import Value

MAX_VALUES = 10_000

# The words that fields of a run may take.
RUN_WORDS: dict[str, tuple[str, ...]] = {
    "run.algorithm": POLICIES,
    "run.fusion": MODES,
    "run.objective": OBJECTIVES,
    "run.stream_state": get_args(StreamState),
}


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all sections: keyword-only, unknown keys refused."""


class _Workload(_Section, frozen=True, kw_only=True):
    """A workload and the options of ``simulate`` that it is run with."""

    workload: Annotated[str, says("a name, or a file")]
    transform: Annotated[str | None, says("passes")] = None
    algorithm: Annotated[str, says("algorithm of convolutions")] = Design.algorithm
    input_size: Annotated[str | None, says("TxHxW of the clip")] = msgspec.field(default=None, name="input")
    classes: Annotated[Annotated[int, Meta(ge=1, le=MAX_CLASSES)] | None, says("answers of the network")] = None
    dims: Annotated[dict[str, Annotated[int, Meta(ge=1, le=MAX_EXTENT)]], says("sizes of named dimensions")] = {}
    batch: Annotated[int, Meta(ge=1, le=MAX_BATCH), says("clips that are computed together")] = 1
    stream_state: Annotated[StreamState | None, says("which layers keep state between clips")] = None
    fusion: Annotated[Fusion, says("whether layers are fused")] = "off"
    objective: Annotated[Objective, says("what mappings are chosen for")] = Design.objective
    weight: Annotated[float, Meta(gt=0, le=1e9), says("its share in the mean")] = 1.0
    examined: Examined | None = msgspec.field(default=None, name="accuracy")


Scalar = None | bool | int | float | str
Whole = Annotated[int, Meta(ge=-(10**9), le=10**9)]
Counting = Annotated[int, Meta(ge=1, le=10**9)]


class _Values(_Section, frozen=True, kw_only=True):
    """The values of a parameter: exactly one of ``int``, ``log2``, ``float``, ``values`` and ``same_as``."""

    whole: tuple[Whole, Whole] | None = msgspec.field(default=None, name="int")
    step: Counting = 1
    log2: tuple[Counting, Counting] | None = None
    real: tuple[float, float] | None = msgspec.field(default=None, name="float")
    steps: Annotated[int, Meta(ge=2, le=MAX_VALUES)] = 11
    values: list[Scalar] | None = None
    same_as: str | None = None
    when: dict[str, Scalar | list[Scalar]] = {}


class _Bound(_Section, frozen=True, kw_only=True):
    """The limits of a metric."""

    min: float | None = None
    max: float | None = None


class SpaceFile(_Section, frozen=True, kw_only=True):
    """A space file."""

    name: Annotated[
        str,
        matching(
            r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", "1 to 100 of A-Z, a-z, 0-9, . _ - that begin with none of . _ -"
        ),
        says("what the study is called"),
    ]
    description: Annotated[str, says("for the reader")] = ""
    arch: Annotated[str, says("what every design starts from: a name, or a file")] = DEFAULT_ARCH
    workloads: Annotated[list[_Workload], Meta(min_length=1), says("what one chip runs, with options of `simulate`")]
    combine: Annotated[Combine, says("costs of several workloads: their mean by weight, or the worst")] = "weighted"
    parameters: Annotated[
        dict[str, Any],
        Meta(min_length=1),
        says("values by path, of the accelerator or the run: a list, {int: [a, b]} or {log2: [a, b]}"),
    ]
    objectives: Annotated[
        list[str], Meta(min_length=1, max_length=6), says("metrics that are minimised, SQNR maximised")
    ]
    constraints: Annotated[dict[str, _Bound], says("metrics with min, max or both")] = {}
    # The box of six sides is still a number.
    reference: Annotated[
        dict[str, Annotated[float, Meta(ge=1e-30, le=1e30)]],
        says("corner of the hypervolume; default: twice what the accelerator costs as it is"),
    ] = {}


def space_schema() -> dict[str, Any]:
    """Return the JSON Schema of a space file."""
    return msgspec.json.schema(SpaceFile)


def space_fields() -> list[Field]:
    """Return the fields of a space file (``space.objectives``), and of its workloads (``space.workloads.weight``)."""
    defs = space_schema()["$defs"]
    return [*schema_fields(defs, "SpaceFile", "space."), *schema_fields(defs, "_Workload", "space.workloads.")]


def load_space(name: str | Path) -> Space:
    """Load a shipped space by name, or a space file. Raises InputError."""
    path = find("experiments", str(name))
    return parse_space(read_text(path), str(path))


def parse_space(text: str, path: str = "<text>") -> Space:
    """Build the space that the YAML ``text`` describes; see :func:`load_space`."""
    document = parse_file(text, path)
    file: SpaceFile = decode(document, SpaceFile, document.data)
    loads = tuple(_load(document, entry, index) for index, entry in enumerate(file.workloads))
    parameters: list[Parameter] = []
    for name in file.parameters:
        parameters.append(_parameter(document, name, file.parameters[name], parameters))
    objectives = _objectives(document, file.objectives)
    limits = tuple(_limit(document, name, bound) for name, bound in file.constraints.items())
    _check_examined(document, file)
    return Space(
        name=file.name,
        description=file.description,
        arch=file.arch,
        loads=loads,
        combine=file.combine,
        parameters=tuple(parameters),
        objectives=objectives,
        limits=limits,
        reference=_reference(document, file),
        contents=contents_of(document, file.arch, loads, parameters),
        text=text,
        path=path,
    )


def _load(document: Document, entry: _Workload, index: int) -> Load:
    if entry.algorithm not in POLICIES:
        raise document.error(
            ("workloads", index, "algorithm"),
            f"unknown algorithm {short(entry.algorithm)}; {suggest(entry.algorithm, POLICIES)}",
        )
    if entry.input_size is not None:
        _check_size(document, ("workloads", index, "input"), entry.input_size)
    return Load(**{**msgspec.structs.asdict(entry), "dims": as_dims("dims", entry.dims)})


def _parameter(document: Document, path: str, data: Any, before: list[Parameter]) -> Parameter:
    at: KeyPath = ("parameters", path)
    kind = _kind_of(document, path)
    if isinstance(data, list):
        spec = _Values(values=decode(document, list[Scalar], data, at))
    else:
        spec = decode(document, _Values, data, at)
    known = {parameter.path: parameter for parameter in before}
    when = []
    for other, allowed in spec.when.items():
        wanted = tuple(allowed) if isinstance(allowed, list) else (allowed,)
        _follows(document, (*at, "when", other), other, known, wanted)
        when.append((other, wanted))
    if spec.same_as is not None:
        _only(document, at, spec)
        _follows(document, (*at, "same_as"), spec.same_as, known)
        values = known[spec.same_as].values
    else:
        values = _values(document, at, spec)
    for value in values:
        _check_value(document, at, kind, value)
    return Parameter(path=path, values=values, when=tuple(when), same_as=spec.same_as)


def _follows(
    document: Document, at: KeyPath, other: str, known: dict[str, Parameter], wanted: tuple[Value, ...] = ()
) -> None:
    """Refuse a reference to a parameter that does not stand before, or to values that it never has."""
    if other not in known:
        raise document.error(at, f"{short(other)} is no parameter above this one; {suggest(other, known)}")
    for value in wanted:
        if value not in known[other].values:
            choices = ", ".join(map(str, known[other].values))
            raise document.error(at, f"{other} is never {short(value)}; its values are {choices}")


def _only(document: Document, at: KeyPath, spec: _Values) -> None:
    kinds = {"int": spec.whole, "log2": spec.log2, "float": spec.real, "values": spec.values, "same_as": spec.same_as}
    given = [name for name, kind in kinds.items() if kind is not None]
    if len(given) != 1:
        what = f"has {' and '.join(given)}" if given else "has no values"
        raise document.error(at, f"{what}; give a list, or one of int, log2, float, values, same_as")


def _values(document: Document, at: KeyPath, spec: _Values) -> tuple[Value, ...]:
    _only(document, at, spec)
    values: list[Value] = list(spec.values or [])
    if spec.whole is not None:
        low, high = spec.whole
        if (high - low) // spec.step >= MAX_VALUES:
            raise document.error(at, f"more than {MAX_VALUES} values; take larger steps")
        values = list(range(low, high + 1, spec.step))
    elif spec.log2 is not None:
        low, high = spec.log2
        values = [low << power for power in range(32) if low << power <= high]
    elif spec.real is not None:
        first, last = spec.real
        width = (last - first) / (spec.steps - 1)
        values = [round(first + width * i, 12) for i in range(spec.steps)] if width > 0 else []
    if not values:
        rule = "range is empty; its first value must not be above its last"
        raise document.error(at, f"the {rule if spec.values is None else 'list is empty; give it a value'}")
    if len(values) > MAX_VALUES:
        raise document.error(at, f"more than {MAX_VALUES} values; drop some")
    for i, value in enumerate(values):
        if any(value == other and type(value) is type(other) for other in values[:i]):
            raise document.error(at, f"the value {short(value)} is given twice; keep one")
    return tuple(values)


def _kind_of(document: Document, path: str) -> Any:
    """Return the type of the field at ``path``; raise InputError for a path that is no field."""
    if path in RUN_FIELDS:
        return Annotated[int, Meta(ge=1, le=MAX_BATCH)] if path == "run.batch" else str
    paths = accelerator_paths()
    if path not in paths:
        raise document.error(
            ("parameters", path), f"no field of the accelerator or the run; {suggest(path, [*paths, *RUN_FIELDS])}"
        )
    return paths[path]


def accelerator_paths() -> dict[str, Any]:
    """Return the type of every field that can be explored, by path."""
    paths: dict[str, Any] = {}
    for field in msgspec.structs.fields(Accelerator):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            paths |= {f"{field.name}.{inner.name}": inner.type for inner in msgspec.structs.fields(field.type)}
        elif field.name not in ("name", "description"):
            paths[field.name] = field.type
    return paths


def _check_value(document: Document, at: KeyPath, kind: Any, value: Value) -> None:
    words = RUN_WORDS.get(str(at[-1]), ())
    if words and value not in words:
        hint = "; YAML reads a bare off as false: quote it" if value is False and "off" in words else ""
        raise document.error(at, f"the value {short(value)} is not allowed{hint}; {suggest(str(value), words)}")
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        said = rule(kind, (), value, str(error))
        said = said if said.startswith("not allowed") else f"not allowed: {said}"
        raise document.error(at, f"the value {short(value)} is {said}") from None
    if at[-1] == "run.input":
        _check_size(document, at, value)


def _check_size(document: Document, at: KeyPath, value: object) -> None:
    try:
        as_sizes("input", value)
    except ArgumentError as error:
        raise document.error(at, f"the value {short(value)} is not allowed: {error.rule}") from None


def _metric(document: Document, at: KeyPath, name: str) -> str:
    if name not in METRICS:
        raise document.error(at, f"unknown metric {short(name)}; {suggest(name, METRICS)}")
    return name


def _objectives(document: Document, names: list[str]) -> tuple[str, ...]:
    for index, name in enumerate(names):
        _metric(document, ("objectives", index), name)
        if name in names[:index]:
            raise document.error(("objectives", index), f"{name} is given twice; keep one")
    return tuple(names)


# What a network that answers clips can't be run with, and how it is.
PLAIN = {"fusion": "off", "batch": 1}


def _check_examined(document: Document, file: SpaceFile) -> None:
    """Refuse metrics for which clips are answered where there are none, or where it can't be said what answers them."""
    wanted = measured((*file.objectives, *file.constraints))
    if not wanted:
        return
    for index, entry in enumerate(file.workloads):
        if entry.examined is None:
            raise document.error(
                ("workloads", index), f"{wanted[0]} is measured: give its accuracy: {{weights: FILE.npz}}"
            )
        for name, plain in PLAIN.items():
            if getattr(entry, name) != plain:
                raise document.error(
                    ("workloads", index, name), f"{wanted[0]} is measured with {name} {plain} alone; leave it out"
                )
    for name in PLAIN:
        if f"run.{name}" in file.parameters:
            raise document.error(
                ("parameters", f"run.{name}"), f"{wanted[0]} is measured with {name} {PLAIN[name]} alone; leave it out"
            )


def _limit(document: Document, name: str, bound: _Bound) -> Limit:
    at: KeyPath = ("constraints", name)
    _metric(document, at, name)
    if bound.min is None and bound.max is None:
        raise document.error(at, "limits nothing; give min or max")
    if bound.min is not None and bound.max is not None and bound.min > bound.max:
        raise document.error(at, f"nothing is at least {bound.min:g} and at most {bound.max:g}; widen it")
    return Limit(name=name, low=bound.min, high=bound.max)


def _reference(document: Document, file: SpaceFile) -> tuple[tuple[str, float], ...]:
    """Return the reference by objective, in their order; empty where none is given."""
    for name in file.reference:
        if name not in file.objectives:
            raise document.error(("reference", name), f"is no objective; {suggest(name, file.objectives)}")
    missing = [name for name in file.objectives if name not in file.reference]
    if file.reference and missing:
        raise document.error(("reference",), f"lacks {', '.join(missing)}; give every objective or none")
    for name, value in file.reference.items():
        best = METRICS[name].best
        if best is not None and value >= best:
            raise document.error(("reference", name), f"no design is better; give less than {best:g}")
    return tuple((name, file.reference[name]) for name in file.objectives if file.reference)
