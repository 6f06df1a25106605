"""What every accelerator file with a name owes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from lw3dsim.api import execute, simulate
from lw3dsim.describe.accelerator_file import check_loaded, load_arch
from lw3dsim.describe.catalog import named_files
from lw3dsim.testing.accounts import check_accounts
from lw3dsim.testing.contract import Contract
from lw3dsim.testing.networks import small_networks

if TYPE_CHECKING:
    from collections.abc import Sequence


class AcceleratorContract(Contract):
    """Give ``accelerators``, names of accelerators."""

    subject = "accelerator"
    attribute = "accelerators"
    accelerators: ClassVar[Sequence[str]] = ()

    def test_its_name_leads_to_a_sound_design(self, accelerator: str) -> None:
        """Called as its file is, with a word on what it is; what is read is what would be written."""
        design = load_arch(accelerator)
        assert named_files("arch_configs").get(accelerator).stem == accelerator == design.name
        assert design.description
        assert check_loaded(design) == design

    @pytest.mark.parametrize("algorithm", ["direct", "hfa", "winograd3d", "auto"])
    def test_small_networks_run_and_their_accounts_close(self, accelerator: str, algorithm: str) -> None:
        """Whatever the algorithm; mappings chosen for energy need no more of it than those for latency."""
        for network in small_networks():
            result = simulate(network, accelerator, algorithm=algorithm)
            check_accounts(result)
            frugal = simulate(network, accelerator, algorithm=algorithm, objective="energy")
            assert frugal.totals.energy_pj <= result.totals.energy_pj * (1 + 1e-9)

    def test_it_computes_exactly(self, accelerator: str) -> None:
        """Integers through its schedules equal the direct computation, unless its sums are declared to overflow."""
        overflow = load_arch(accelerator).precision.overflow
        for network in small_networks():
            assert execute(network, accelerator, algorithm="hfa").exact or overflow != "widen"
