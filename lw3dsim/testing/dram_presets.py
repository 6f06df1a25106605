"""What every DRAM preset owes: a record that is one, and every timing rule tight in the in-order model."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest

from lw3dsim.api import simulate
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.allowed import checked
from lw3dsim.describe.clocks import default_mapping
from lw3dsim.describe.dram_standard import check_sizes
from lw3dsim.describe.dram_standards import DRAM_PRESETS
from lw3dsim.dram.replay import replay
from lw3dsim.dram.trace import Trace
from lw3dsim.testing.accounts import check_accounts
from lw3dsim.testing.channel import Channel
from lw3dsim.testing.contract import Contract
from lw3dsim.testing.networks import dense_network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Refresh
    from lw3dsim.describe.dram_standards import DramStandard
    from lw3dsim.dram.replay import Replay

# Later than anything that a test moves.
LATER = 10**6


class DramPresetContract(Contract):
    """Give ``presets``, names of presets."""

    subject = "preset"
    attribute = "presets"
    presets: ClassVar[Sequence[str]] = ()

    @pytest.fixture
    def standard(self, preset: str) -> DramStandard:
        """Return the record of the preset: it is built in, or an entry point in ``lw3dsim.dram_presets``."""
        return DRAM_PRESETS.get(preset)

    def test_its_sizes_fit_each_other(self, standard: DramStandard) -> None:
        """Fields are in range; devices fill the bus, bursts fill a row, refreshes fill a turn."""
        assert checked(standard) is standard
        check_sizes(standard)

    def test_its_currents_rise_with_what_is_done(self, standard: DramStandard) -> None:
        """Open banks draw no less than closed ones, bursts and refreshes no less than open banks; each has a source."""
        for rail in standard.rails:
            assert rail.volts > 0
            assert 0 <= rail.idd2n <= rail.idd3n
        drawn = {
            name: sum(rail.volts * getattr(rail, name) for rail in standard.rails)
            for name in ("idd0", "idd2n", "idd3n", "idd4r", "idd4w", "idd5ab")
        }
        assert drawn["idd2n"] <= drawn["idd3n"] < min(drawn["idd4r"], drawn["idd4w"], drawn["idd5ab"])
        assert min(standard.io_read_pj_per_bit, standard.io_write_pj_per_bit) >= 0
        assert standard.source
        assert standard.io_source

    def test_a_bank_is_refreshed_as_often_one_way_as_the_other(self, standard: DramStandard) -> None:
        """Where refreshes by bank are known: all banks in a turn, and turns as often as refreshes of all together."""
        if standard.trefi_pb:
            turn = standard.refresh_stride * standard.trefi_pb
            assert turn <= standard.trefi
            assert turn == pytest.approx(standard.trefi, rel=0.002)

    def test_its_sustained_share_is_that_of_the_controller(self, standard: DramStandard) -> None:
        """``sustained_share`` is what a sequential read of 1 MiB reaches; the failure says what to write."""
        bursts = (1 << 20) // standard.burst_bytes
        reached = _sequential(standard, bursts, mapping=default_mapping(standard)).gbps / standard.peak_gbps
        assert standard.sustained_share == pytest.approx(reached, abs=0.001)

    def test_in_order_and_controller_agree_where_there_is_nothing_to_reorder(self, standard: DramStandard) -> None:
        """Reads of one row: the controller takes a request as it comes, and is later by the commands of an activate."""
        for count in (1, 2, 8, standard.columns // standard.burst_length):
            expected = Channel(standard).move(count=count) + standard.activate_clocks
            assert _sequential(standard, count, refresh="none").cycles == expected

    def test_more_bytes_never_take_less_time(self, standard: DramStandard) -> None:
        """And never less than the bus needs for them."""
        ends = [Channel(standard, refresh="all-bank").move(count=count) for count in range(1, 400, 7)]
        assert ends == sorted(ends)
        assert all(end >= count * standard.burst_clocks for end, count in zip(ends, range(1, 400, 7), strict=True))

    def test_every_request_is_answered_once(self, standard: DramStandard) -> None:
        """In the controller: what is merged or forwarded included; its clocks and commands add up."""
        for seed, writes, blocks in ((0, 0.0, 4), (1, 0.1, 300), (2, 0.5, 10**6), (3, 0.5, 4), (4, 1.0, 300)):
            random = np.random.default_rng(seed)
            addresses = random.integers(0, blocks, 300) * standard.burst_bytes
            result = replay(standard, Trace(name="random", addresses=addresses, writes=random.random(300) < writes))
            counts = result.counts
            moved = counts.reads + counts.writes
            assert moved + counts.merged_reads + counts.forwarded_reads + counts.merged_writes == 300
            assert counts.row_hits + counts.row_misses + counts.row_conflicts == moved
            assert counts.row_misses + counts.row_conflicts <= counts.activates
            assert 0 <= counts.activates - counts.precharges <= standard.banks
            assert counts.active_clocks + counts.idle_clocks == result.cycles
            assert result.cycles >= moved * standard.burst_clocks

    def test_a_closed_row_opens_in_trcd_and_bursts_follow_in_tccd(self, standard: DramStandard) -> None:
        """To the clock."""
        dram, s = Channel(standard), standard
        first = dram.read_at(0, 5)
        assert first == s.trcd
        assert dram.read_at(0, 5, 1) == first + max(s.tccd_l, s.burst_clocks)
        assert dram.counts(LATER).row_hits == 1

    def test_a_run_in_one_row_is_the_same_as_its_bursts_one_by_one(self, standard: DramStandard) -> None:
        """What is jumped over is what would be walked."""
        whole, single = Channel(standard), Channel(standard)
        at_once = whole.move(3, 7, count=20)
        assert [single.move(3, 7, column) for column in range(20)][-1] == at_once
        assert whole.counts(LATER) == single.counts(LATER)

    def test_another_row_waits_for_tras_trtp_and_trp(self, standard: DramStandard) -> None:
        """To the clock."""
        dram, s = Channel(standard), standard
        read = dram.read_at(0, 1)
        precharge = max(s.tras, read + s.trtp)
        activate = max(precharge + s.trp, s.trc)
        assert dram.read_at(0, 2) == activate + s.trcd
        counts = dram.counts(LATER)
        assert (counts.row_hits, counts.row_misses, counts.row_conflicts, counts.activates) == (0, 1, 1, 2)

    def test_a_written_row_closes_after_twr(self, standard: DramStandard) -> None:
        """To the clock."""
        dram, s = Channel(standard), standard
        write = dram.write_at(0, 1)
        precharge = write + s.cwl + s.burst_clocks + s.recovery_clocks + s.twr
        assert dram.write_at(0, 2) == max(precharge + s.trp, s.trc) + s.trcd

    def test_the_bus_turns_round(self, standard: DramStandard) -> None:
        """To the clock, from a write to a read and back."""
        dram, s = Channel(standard), standard
        write = dram.write_at(0, 0, 0)
        read = dram.read_at(0, 0, 1)
        assert read == write + s.cwl + s.group_clocks + s.twtr_l
        assert dram.write_at(0, 0, 2) == read + s.cl + s.group_clocks - s.cwl + s.turnaround

    def test_activates_keep_trrd_and_tfaw(self, standard: DramStandard) -> None:
        """Of five banks: within a group where it has that many, else in the next."""
        dram, s = Channel(standard), standard
        group = [bank // s.banks_per_group for bank in range(5)]
        activates = [0]
        for bank in range(1, 5):
            gaps = [s.trrd_l if group[bank] == group[before] else s.trrd_s for before in range(bank)]
            activates.append(max(at + gap for at, gap in zip(activates, gaps, strict=True)))
        activates[4] = max(activates[4], activates[0] + s.tfaw)
        opened = [dram.read_at(bank, 0) for bank in range(5)]
        assert opened[4] >= activates[4] + s.trcd
        # The reads behind each other on the bus are later than the activates only where the bus binds.
        bus = opened[3] + max(s.burst_clocks, s.tccd_l if group[4] == group[3] else s.tccd_s)
        assert opened[4] == max(activates[4] + s.trcd, bus)

    @pytest.mark.parametrize(("early", "refreshes"), [(1, 0), (0, 1)])
    def test_a_refresh_comes_in_front_of_what_is_due_with_it(
        self, standard: DramStandard, early: int, refreshes: int
    ) -> None:
        """To the clock: a command one clock before it is in time."""
        dram, s = Channel(standard, refresh="all-bank"), standard
        activate = s.trefi - early
        read = dram.read_at(0, 0, start=activate)
        if refreshes:
            assert read == s.trefi + s.trfc + s.trcd
        else:
            # Activated in time, but the read is not: the row closes again and is opened after the refresh.
            assert read == max(activate + s.tras + s.trp, s.trefi, activate + s.trc) + s.trfc + s.trcd
            assert dram.counts(read).activates == 2

    def test_refreshes_go_on_while_nothing_moves(self, standard: DramStandard) -> None:
        """And all clocks are accounted for."""
        counts = Channel(standard, refresh="all-bank").counts(10 * standard.trefi)
        assert counts.refreshes == 10
        assert (counts.active_clocks, counts.idle_clocks) == (0, 10 * standard.trefi)

    def test_channels_share_a_run(self, standard: DramStandard) -> None:
        """Two take twice the bursts in the same time."""
        one, two = Channel(standard), Channel(standard, channels=2)
        assert two.move(count=120) == one.move(count=60)

    @pytest.mark.parametrize("model", ["in_order", "fr_fcfs", "plain"])
    def test_a_network_runs_on_it(self, preset: str, model: str) -> None:
        """In every model of the DRAM, and its accounts close."""
        design = load_arch("edge_base", overrides={"dram.preset": preset, "dram.model": model})
        check_accounts(simulate(dense_network(), design))


def _sequential(
    standard: DramStandard, bursts: int, *, mapping: str = "row-bank-col", refresh: Refresh = "all-bank"
) -> Replay:
    """Read ``bursts`` from address 0 on, in the controller."""
    addresses = np.arange(bursts, dtype=np.int64) * standard.burst_bytes
    trace = Trace(name="sequential", addresses=addresses, writes=np.zeros(bursts, dtype=np.bool_))
    return replay(standard, trace, mapping, refresh=refresh)
