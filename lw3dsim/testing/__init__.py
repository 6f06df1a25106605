"""What a plug-in owes, as test classes: subclass one in your own tests, name what is yours, run pytest.

The built-in passes, presets, engines and files are held by the same classes. Needs pytest; ``pip install
'lw3dsim[testing]'`` has it. ``docs/develop/plugins.md`` shows each at work.
"""

from __future__ import annotations

from lw3dsim.errors import InputError

try:
    import pytest
except ImportError:
    raise InputError("lw3dsim.testing needs pytest; install it with: pip install 'lw3dsim[testing]'") from None

# Before they are imported, so that a failed comparison shows both sides.
pytest.register_assert_rewrite(
    *(
        f"lw3dsim.testing.{module}"
        for module in (
            "accelerators",
            "accounts",
            "dataflows",
            "dram_presets",
            "engines",
            "passes",
            "spaces",
            "workloads",
        )
    )
)

from lw3dsim.testing.accelerators import AcceleratorContract  # noqa: E402
from lw3dsim.testing.dataflows import DataflowContract  # noqa: E402
from lw3dsim.testing.dram_presets import DramPresetContract  # noqa: E402
from lw3dsim.testing.engines import EngineContract  # noqa: E402
from lw3dsim.testing.passes import PassContract  # noqa: E402
from lw3dsim.testing.spaces import SpaceContract  # noqa: E402
from lw3dsim.testing.workloads import WorkloadContract  # noqa: E402

__all__ = [
    "AcceleratorContract",
    "DataflowContract",
    "DramPresetContract",
    "EngineContract",
    "PassContract",
    "SpaceContract",
    "WorkloadContract",
]
