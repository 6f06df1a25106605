"""What every dataflow owes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from lw3dsim.api import execute, simulate
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.dataflow import DATAFLOWS
from lw3dsim.testing.accounts import check_accounts
from lw3dsim.testing.contract import Contract
from lw3dsim.testing.networks import small_networks

if TYPE_CHECKING:
    from collections.abc import Sequence


class DataflowContract(Contract):
    """Give ``dataflows``, names of dataflows."""

    subject = "dataflow"
    attribute = "dataflows"
    dataflows: ClassVar[Sequence[str]] = ()

    def test_its_name_leads_to_its_record(self, dataflow: str) -> None:
        """It is built in, or an entry point in the group ``lw3dsim.dataflows`` is installed, and says what it is."""
        record = DATAFLOWS.get(dataflow)
        assert record.name == dataflow
        assert record.description
        assert load_arch("edge_base", overrides={"pe.dataflow": dataflow}).dataflow == record

    @pytest.mark.parametrize("algorithm", ["direct", "hfa", "winograd3d", "auto"])
    def test_small_networks_run_and_their_accounts_close(self, dataflow: str, algorithm: str) -> None:
        """Whatever the algorithm, on an array that is not square."""
        for network in small_networks():
            check_accounts(simulate(network, algorithm=algorithm, overrides={"pe.dataflow": dataflow}))

    @pytest.mark.parametrize("fusion", ["off", "auto"])
    def test_it_computes_exactly(self, dataflow: str, fusion: str) -> None:
        """Integers through its schedules equal the direct computation, in fused groups too."""
        for network in small_networks():
            assert execute(network, algorithm="hfa", fusion=fusion, overrides={"pe.dataflow": dataflow}).exact

    def test_engines_agree_on_it(self, dataflow: str) -> None:
        """The compiled engine gives the figures of the reference."""
        for network in small_networks():
            results = [
                simulate(network, engine=engine, overrides={"pe.dataflow": dataflow}) for engine in ("fast", "simpy")
            ]
            first, second = ({key: value for key, value in one.data.items() if key != "config"} for one in results)
            assert first == second
