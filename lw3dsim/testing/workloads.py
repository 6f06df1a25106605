"""What every workload file with a name owes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from lw3dsim.api import simulate
from lw3dsim.describe.catalog import named_files
from lw3dsim.describe.workload import Conv3d
from lw3dsim.importing.load import load_workload
from lw3dsim.testing.accounts import check_accounts
from lw3dsim.testing.contract import Contract
from lw3dsim.transform.passes import apply_transforms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def _is_dense(layer: Conv3d) -> bool:
    """Tell whether a convolution takes all of its K x R x S and channels at once."""
    return layer.groups == 1 and layer.kernel[0] > 1 and layer.kernel[1:] != (1, 1)


class WorkloadContract(Contract):
    """Give ``workloads``, names of workloads, and ``sizes``, by name, to simulate the large ones smaller."""

    subject = "workload"
    attribute = "workloads"
    workloads: ClassVar[Sequence[str]] = ()
    sizes: ClassVar[Mapping[str, str]] = {}

    def test_its_name_leads_to_a_sound_network(self, workload: str) -> None:
        """The same at every reading, with a word on what it is; its file has its name."""
        network = load_workload(workload)
        assert named_files("workloads").get(workload).stem == workload
        assert repr(load_workload(workload)) == repr(network)
        assert network.description
        assert sum(map(network.layer_macs, network.layers)) > 0

    def test_its_fsb_form_rewrites_what_is_dense(self, workload: str) -> None:
        """``fsb_variant`` is what ``lw3dsim compare`` takes for it; what is separated already may stay."""
        network = load_workload(workload)
        dense = [layer for layer in network.layers if isinstance(layer, Conv3d) and _is_dense(layer)]
        assert apply_transforms(network, network.fsb_variant).layers != network.layers or not dense

    @pytest.mark.parametrize("algorithm", ["direct", "hfa"])
    def test_it_runs_and_its_accounts_close(self, workload: str, algorithm: str) -> None:
        """On the base design."""
        network = load_workload(workload, input_size=self.sizes.get(workload))
        result = simulate(network, algorithm=algorithm)
        check_accounts(result)
        # Every layer has its costs, or is done by an address.
        assert len(result.record.layers) + len(result.record.views) == len(network.layers)
