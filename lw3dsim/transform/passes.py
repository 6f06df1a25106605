"""The passes by name, and the text that selects them: ``fsb``, ``fsb:alpha=0.5``, ``slowfsb,trg:layers=3``.

The paper's variants (4.2, 4.3) are compositions of the rewrites in ``fsb`` and
``trg``; ``docs/passes.md`` says how each is read from the paper. A pathway is
known by the first word of its layer names (``slow.``, ``fast.``).
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lw3dsim.errors import InputError, one_line, unknown
from lw3dsim.transform.fsb import depthwise_pointwise, fsb, merge_bottlenecks
from lw3dsim.transform.trg import trg

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.describe.workload import Workload

# Table 4's rates fix M of C3D's seven replaced layers (its printed group 256 in row four holds for 128).
C3D_MIDDLE = (64, 128, 128, 256, 512, 512, 512)

# TRG goes before the temporal convolutions of the fast path's early stages: 3 blocks of res2, 4 of res3.
FAST_EARLY_BLOCKS = 7


@dataclass(frozen=True, kw_only=True)
class Pass:
    """A named rewrite of a workload; ``apply`` takes the workload and keyword parameters."""

    name: str
    description: str
    apply: Callable[..., Workload]


def _fsb_c3d(workload: Workload) -> Workload:
    return trg(fsb(workload, middle=C3D_MIDDLE), layers=2)


def _fasttrg(workload: Workload) -> Workload:
    return trg(fsb(workload, path="slow"), layers=FAST_EARLY_BLOCKS, path="fast.res")


PASSES = {
    p.name: p
    for p in (
        Pass(name="fsb", description="FSB for every dense KxRxS convolution (alpha, middle)", apply=fsb),
        Pass(name="trg", description="TRG before the first temporal convolutions (layers, density)", apply=trg),
        Pass(
            name="fsb_c3d",
            description="FSB-C3D: Table 4's widths, TRG in the first two layers",
            apply=_fsb_c3d,
        ),
        Pass(
            name="slowdepth",
            description="slow path: 1xRxS becomes depthwise + pointwise",
            apply=lambda workload: depthwise_pointwise(workload, path="slow.res"),
        ),
        Pass(
            name="slowfsb",
            description="slow path: 1xRxS becomes depthwise",
            apply=lambda workload: fsb(workload, path="slow"),
        ),
        Pass(name="fasttrg", description="slowfsb, and TRG in the fast path's early stages", apply=_fasttrg),
        Pass(
            name="fastdepth",
            description="fast path: FSB",
            apply=lambda workload: fsb(workload, path="fast"),
        ),
        Pass(
            name="fast3d",
            description="fast path: dense KxRxS instead of bottlenecks",
            apply=lambda workload: merge_bottlenecks(workload, path="fast"),
        ),
    )
}


def apply_transforms(workload: Workload, text: str | None) -> Workload:
    """Apply the comma-separated passes of ``text`` in order; raise InputError for a bad name or parameter."""
    for item in _items(text):
        workload = _apply_one(workload, item)
    return workload


def check_transforms(text: str | None) -> None:
    """Raise InputError where ``text`` names a pass, or a parameter of one, that there is not."""
    for item in _items(text):
        _parsed(item)


def unchanged_passes(before: Workload, text: str | None) -> list[str]:
    """Return the passes of ``text`` that found nothing to rewrite."""
    idle = []
    for item in _items(text):
        after = _apply_one(before, item)
        if after.layers == before.layers:
            idle.append(item)
        before = after
    return idle


def _items(text: str | None) -> list[str]:
    return [item for part in (text or "").split(",") if (item := part.strip())]


def _parsed(item: str) -> tuple[Pass, dict[str, object]]:
    """Return the pass that ``item`` names and its parameters."""
    name, *settings = item.split(":")
    if name not in PASSES:
        raise unknown("transform", name, PASSES)
    chosen = PASSES[name]
    parameters: dict[str, object] = {}
    for setting in settings:
        parameter, value = _setting(chosen, setting)
        if parameter in parameters:
            raise InputError(f"--transform {one_line(item)}: {parameter!r} is given twice; keep one")
        parameters[parameter] = value
    return chosen, parameters


def _apply_one(workload: Workload, item: str) -> Workload:
    chosen, parameters = _parsed(item)
    after = chosen.apply(workload, **parameters)
    return replace(after, transforms=(*workload.transforms, item))


def _setting(chosen: Pass, setting: str) -> tuple[str, object]:
    """Parse ``alpha=0.5``, ``layers=3``, ``middle=64/128`` or ``path=slow`` for a pass."""
    allowed = [p for p in inspect.signature(chosen.apply).parameters if p != "workload"]
    name, _, value = setting.partition("=")
    if name not in allowed:
        raise unknown(f"parameter of transform {chosen.name}", name, allowed)
    try:
        if name == "middle":
            middle = tuple(int(part) for part in value.split("/"))
            return name, _positive(middle, min(middle), 65536)
        if name == "alpha":
            return name, _positive(float(value), float(value), 64)
        if name == "density":
            return name, _share(float(value))
        return name, value if name == "path" else _positive(int(value), int(value), 10_000)
    except ValueError:
        raise InputError(f"--transform {chosen.name}:{one_line(setting)}: expected {_EXPECTED[name]}") from None


_EXPECTED = {
    "middle": "positive channel counts up to 65536, such as 64/128/128",
    "alpha": "a positive number up to 64, such as 0.5",
    "density": "a share from 0 to 1, such as 0.4",
    "layers": "a positive number up to 10000, such as 2",
}


def _positive(value: object, least: float, most: float) -> object:
    if not 0 < least <= most:
        raise ValueError
    return value


def _share(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError
    return value
