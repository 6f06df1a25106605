"""Map a network and look at the mappings: as records, as loop nests, and as a file to edit and simulate again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lw3dsim.arguments import as_integer, as_path
from lw3dsim.base.calls import strict_methods
from lw3dsim.base.forms import MAPPING
from lw3dsim.base.output import write_text
from lw3dsim.network.layouts import layouts_of
from lw3dsim.network.pipeline import map_prepared
from lw3dsim.network.units import check_layers, is_asked
from lw3dsim.report.text.mapping_file import mapping_text
from lw3dsim.report.text.mapping_tables import unit_record, unit_text
from lw3dsim.report.text.nest_lines import WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lw3dsim.account.simulated import Unit
    from lw3dsim.arguments import PathArgument
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.network.pipeline import Prepared
    from lw3dsim.report.text.mapping_tables import UnitRecord

# Characters of a line, at most.
MAX_WIDTH = 10_000


@strict_methods
@dataclass(frozen=True, kw_only=True)
class Mappings:
    """The mappings of a network's layers and fused groups on an accelerator, in order."""

    network: Workload
    arch: Accelerator
    algorithm: str
    units: tuple[Unit, ...]

    def records(self) -> list[UnitRecord]:
        """Return a record per layer or group: its mapping, loop nest, buffer fill, traffic in bytes, what binds it."""
        return [unit_record(self.network, unit, self.arch) for unit in self.units]

    def text(self, width: int = WIDTH) -> str:
        """Return the loop nests as text, a block per layer or group, in ``width`` characters where that can be.

        Raises InputError.
        """
        most = as_integer("width", width, 1, MAX_WIDTH)
        return "\n\n".join(unit_text(self.network, unit, self.arch, most) for unit in self.units)

    def to_json(self) -> str:
        """Return the records as JSON text."""
        data = {
            "workload": self.network.name,
            "arch": self.arch.name,
            "units": [record.as_dict() for record in self.records()],
        }
        return json.dumps(data, indent=2) + "\n"

    def save(self, path: PathArgument) -> None:
        """Write the mappings as a YAML file to edit and to give to ``mapping``. Raises InputError and OutputError."""
        layouts = layouts_of(self.network, list(self.units), self.arch)
        text = mapping_text(self.network, self.arch, self.algorithm, self.units, layouts)
        write_text(as_path("path", path), text, MAPPING)


def mappings_of(
    prepared: Prepared, names: Sequence[str] = (), progress: Callable[[int, int], None] | None = None
) -> Mappings:
    """Map what was asked for; see :func:`map_workload`. The layers ``names`` are all where none is named."""
    network = prepared.network
    check_layers(network, names)
    units = map_prepared(prepared, progress)
    return Mappings(
        network=network,
        arch=prepared.design,
        algorithm=prepared.request.algorithm,
        units=tuple(unit for unit in units if is_asked(unit, names)),
    )
