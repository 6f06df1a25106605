"""Does a core of one shared memory do what the simulator says, whichever banks inputs, weights and outputs have?"""

from __future__ import annotations

import itertools
import shutil

import pytest
from core_blocks import drawn_block_group, drawn_store_group
from core_groups import drawn_group, drawn_kept_group, drawn_pool_group, drawn_problem, group_subject
from cores import SHARED, arch_of, differences, divided, drawn_subject, overlapping
from exports import exported, linted, unsynthesizable
from hypothesis import given
from hypothesis import strategies as st

from lw3dsim.base.values import replace
from lw3dsim.describe.workload import Activation, Add, Conv3d, Shape, Trg
from lw3dsim.map.group.group import GroupMapping
from lw3dsim.network.chains import group_of
from lw3dsim.rtl import notes
from lw3dsim.rtl.build import run
from lw3dsim.rtl.check import compare
from lw3dsim.rtl.design import make_core
from lw3dsim.rtl.groups import SLOTS
from lw3dsim.rtl.memories import memories
from lw3dsim.rtl.notes import Happening, in_order
from lw3dsim.rtl.programs import make_program
from lw3dsim.schedule.group_work import GroupWork

DRAWS = (drawn_subject, drawn_group, drawn_kept_group, drawn_pool_group, drawn_block_group)


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("seed", range(4))
def test_a_core_of_a_shared_memory_is_equal_to_the_simulator(core_of, seed, draw):
    arch, core, bench = core_of("shared")
    assert not differences(draw("shared", seed, divided(seed, arch)), core, bench)


def test_channels_of_a_position_at_the_end_of_a_ring_are_added(core_of):
    # What is added, channel by channel, lies in a ring of whole words, which ends within a position.
    arch, core, bench = core_of("shared")
    seen, shape = divided(1, arch), Shape(3, 7, 8, 1)
    conv = Conv3d(name="x0", inputs=("i",), kernel=(3, 1, 1), padding=(1, 0, 0), out_channels=3)
    layers = [conv, Add(name="x1", inputs=("x0", "i"))]
    group = group_of(layers, tuple(drawn_problem("shared", layer, shape, seen) for layer in layers))
    mapping = GroupMapping(
        t=1, h=8, w=1, kept="t", ofmap_slots=2, warm_up=False, chunks=(1,) * len(group.runs),
        resident=(False, False), parallel=("channel", "pixel"),
    )  # fmt: skip
    assert not differences(group_subject(GroupWork(group, mapping), layers, seen), core, bench)


def test_later_frames_of_what_stays_are_read_from_where_they_lie(core_of):
    # All frames are there with the first tile, which warms up; the next layer looks at some of them, then at others.
    arch, core, bench = core_of("shared")
    seen, shape = divided(1, arch), Shape(3, 8, 4, 2)
    layers = [
        Trg(name="x0", inputs=("i",)),
        Activation(name="x1", inputs=("x0",), activation="relu"),
        Conv3d(name="x2", inputs=("x1",), kernel=(3, 1, 1), stride=(2, 1, 1), out_channels=3, groups=3),
    ]
    group = group_of(layers, tuple(drawn_problem("shared", layer, shape, seen) for layer in layers))
    mapping = GroupMapping(
        t=3, h=1, w=2, kept="t", ofmap_slots=2, warm_up=True, chunks=(3,) * len(group.runs),
        resident=(False,) * 3, parallel=("pixel",) * 3,
    )  # fmt: skip
    assert not differences(group_subject(GroupWork(group, mapping), layers, seen), core, bench)


@pytest.mark.parametrize("draw", [*DRAWS, drawn_store_group])
@pytest.mark.parametrize("seed", range(2))
def test_tiles_come_side_by_side_to_a_tiny_memory(core_of, seed, draw):
    arch, core, bench = core_of("tiny")
    assert not differences(draw("tiny", seed, divided(seed, overlapping(arch))), core, bench)


def test_dma_spares_what_is_of_other_tiles(core_of, monkeypatch):
    # Of tiles that are on their way at once, words hold elements of both: none writes over the other's.
    arch, core, bench = core_of("tiny")
    seen = divided(0, overlapping(arch))
    drawn = [drawn_kept_group("tiny", seed, seen) for seed in range(12)]
    assert not any(differences(one, core, bench) for one in drawn)
    monkeypatch.setattr(notes, "in_order", lambda all_of: sorted(all_of, key=lambda one: one.cycle))
    assert any(differences(one, core, bench) for one in drawn)


def test_weights_of_many_steps_come_before_the_first_is_in_use(core_of):
    arch, core, bench = core_of("shared")
    channels, seen, shape = 9, divided(1, overlapping(arch)), Shape(7, 1, 7, 6)
    layers = [
        Conv3d(name="x0", inputs=("i",), kernel=(1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1), out_channels=channels),
        Conv3d(name="x1", inputs=("x0",), kernel=(1, 1, 1), out_channels=channels, groups=channels),
        Conv3d(name="x2", inputs=("x1",), kernel=(1, 2, 3), padding=(0, 0, 1), out_channels=channels, groups=channels),
    ]
    shapes = shape, *[layers[0].output_shape((shape,))] * 2
    stages = (drawn_problem("shared", layer, one, seen) for layer, one in zip(layers, shapes, strict=True))
    group = group_of(layers, tuple(stages))
    mapping = GroupMapping(
        t=1, h=3, w=3, kept="none", ofmap_slots=3, warm_up=False, chunks=(1,) * len(group.runs),
        resident=(False,) * 3, parallel=("channel", "pixel", "pixel"),
    )  # fmt: skip
    subject = group_subject(GroupWork(group, mapping), layers, seen)
    assert (subject.trace.weight.ready[SLOTS:] < subject.trace.start[0]).any()
    assert not differences(subject, core, bench)


@given(
    written=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 255), st.integers(0, 255)), max_size=12
    )
)
def test_a_word_keeps_the_bits_that_are_spared(written):
    happenings = [Happening(cycle, "ifmap", number, word & ~spared, spared) for cycle, number, word, spared in written]
    bits = {}
    for one in in_order(happenings):
        assert one.spared == 0
        by = next(was for was in happenings if was.cycle == one.cycle and was.number == one.number)
        happenings.remove(by)
        bits |= {(one.number, bit): by.word >> bit & 1 for bit in range(8) if not by.spared >> bit & 1}
        assert one.word == sum(bits.get((one.number, bit), 0) << bit for bit in range(8))


@pytest.mark.parametrize("name", SHARED)
@given(seed=st.integers(0, 1 << 30))
def test_no_two_have_a_bank_and_none_is_left(name, seed):
    arch = arch_of(name)
    core = make_core(arch, [])
    banks = core.ifmap_memory // core.banks
    own = memories(core, divided(seed, arch).buffers)
    taken = [word // banks for one in own.values() for word in range(one.begin, one.begin + one.words, banks)]
    assert taken == list(range(core.banks))
    assert all(one.words % banks == 0 for one in own.values())


def changed(core, bench, subject, happenings):
    """Return what differs, and what is counted, where DMA does something else."""
    program = make_program(subject, core)
    log = run(bench, replace(program, happenings=happenings(program.happenings)))
    return compare(subject, core, program, log).differences, log.counts


@pytest.mark.parametrize("kind", ["ifmap", "weight", "ofmap"])
def test_a_word_in_another_bank_is_found(core_of, kind):
    arch, core, bench = core_of("shared")
    drawn = (drawn_subject("shared", seed, divided(seed, arch)) for seed in itertools.count())
    # Of a larger kernel some taps may see padding alone.
    subject = next(one for one in drawn if one.problem.has_weights and one.problem.kernel == (1, 1, 1))

    def moved(happenings):
        # Memories begin with zeros, as padding is.
        number = next(i for i, one in enumerate(happenings) if one.kind == kind and (one.word or kind == "ofmap"))
        own = memories(core, subject.buffers)[kind]
        other = (happenings[number].number + own.words) % core.ifmap_memory
        return [*happenings[:number], happenings[number]._replace(number=other), *happenings[number + 1 :]]

    assert changed(core, bench, subject, list)[0] == ()
    assert changed(core, bench, subject, moved)[0]


def test_dma_waits_where_the_array_has_the_bank_and_takes_out_what_was_written(core_of):
    # Slots that lie in one bank, of buffers of an odd number of them.
    arch, core, bench = core_of("shared")
    waited = 0
    for seed in range(12):
        subject = drawn_group("shared", seed, divided(seed, arch))
        differs, counts = changed(core, bench, subject, list)
        assert differs == ()
        assert counts["left_words"] > 0 == counts["wrong_words"]
        waited += counts["dma_waits"]
    assert waited > 0


@pytest.mark.usefixtures("folder")
def test_a_core_of_a_shared_memory_is_clean(tmp_path):
    top = exported("edge_shared", tmp_path, SHARED["shared"])
    assert linted(tmp_path, top) == ""
    if shutil.which("yosys") is not None:
        assert unsynthesizable(tmp_path, top) == ""
