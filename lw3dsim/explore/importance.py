"""How much a parameter decides: the share of an objective's variance between the means of its values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lw3dsim.explore.point import Value
    from lw3dsim.explore.study import Study


def importances(study: Study, objective: str) -> dict[str, float]:
    """Return, per free parameter, its main effect on the logarithm of ``objective``: 0 (none) to 1 (all of it).

    Exact where all designs were simulated. A search that learns has looked at good designs more
    often, and the shares are those among the designs that it looked at. Points where a parameter does not apply make
    a group of their own.
    """
    place = study.space.objectives.index(objective)
    rows = [
        (dict(record.point.values), math.log1p(study.space.costs(record.outcome.metrics)[place]))
        for record in study.records
        if record.outcome.state == "done"
    ]
    mean = math.fsum(value for _, value in rows) / len(rows) if rows else 0.0
    total = math.fsum((value - mean) ** 2 for _, value in rows)
    shares = {}
    for parameter in study.space.free:
        groups: dict[Value, list[float]] = {}
        for values, value in rows:
            groups.setdefault(values.get(parameter.path), []).append(value)
        between = math.fsum(len(group) * (math.fsum(group) / len(group) - mean) ** 2 for group in groups.values())
        shares[parameter.path] = between / total if total > 0 else 0.0
    return dict(sorted(shares.items(), key=lambda item: -item[1]))
