"""Is the first part of an exhaustive study spread evenly over the space, and every design met once?"""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations, islice

import pytest
from explore_helpers import kept_study, write_space
from hypothesis import given, settings
from hypothesis import strategies as st

from lw3dsim.dse import goal_of
from lw3dsim.explore.order import best_stride, even_order, imbalance
from lw3dsim.explore.space_file import load_space
from lw3dsim.explore.study import begun
from lw3dsim.explore.wanted import Wanted

SIZES = st.lists(st.integers(1, 6), min_size=1, max_size=5)


def numbered(number, sizes):
    places = []
    for size in reversed(sizes):
        number, place = divmod(number, size)
        places.insert(0, place)
    return places


@given(SIZES)
@settings(max_examples=50)
def test_every_choice_is_met_once(sizes):
    size, stride = math.prod(sizes), best_stride(sizes)
    assert len({place * stride % size for place in range(size)}) == size


def test_any_part_of_tiles_and_pes_holds_all_values_and_pairs_alike():
    space = load_space("tiles_and_pes")
    order = list(even_order(space))
    assert sorted(order) == sorted(space.all_choices())
    for part in (100, 216, 712, 1080):
        for place, size in enumerate(space.sizes):
            counts = Counter(choice[place] for choice in order[:part])
            assert max(counts.values()) - min(counts.values()) <= 4, (part, place)
            assert len(counts) == size
        for first, second in combinations(range(len(space.sizes)), 2):
            cells = space.sizes[first] * space.sizes[second]
            counts = Counter((choice[first], choice[second]) for choice in order[:part])
            excess = sum((count - part / cells) ** 2 for count in counts.values()) / part
            excess += (cells - len(counts)) * (part / cells) ** 2 / part
            # About 1 for choices drawn at random.
            assert excess < 0.4, (part, first, second)


def test_the_stride_is_the_evenest_of_some():
    sizes = (5, 3, 4, 6, 6)
    assert best_stride(sizes) == 1217
    assert imbalance(sizes, 1217)[0] < 0.3 < 30 < imbalance(sizes, 1)[0]


NOT_ALWAYS = """  pe.rows: [2, 4, 8]
  dram.preset: [lpddr4-3200-x32, lpddr5-6400-x16]
  dram.refresh: {values: [all-bank, per-bank], when: {dram.preset: lpddr5-6400-x16}}
"""


def test_designs_that_parameters_do_not_apply_to_are_met_once(tmp_path):
    space = load_space(write_space(tmp_path, parameters=NOT_ALWAYS))
    assert sorted(even_order(space)) == sorted(space.all_choices())
    assert space.designs == 9


@pytest.mark.parametrize("trials", [None, 4, 10])
@pytest.mark.parametrize("sampler", [None, "exhaustive", "random", "nsga2", "screening"])
def test_a_run_is_for_no_more_points_than_there_are_designs(tmp_path, sampler, trials):
    space, wanted = load_space(write_space(tmp_path, parameters=NOT_ALWAYS)), Wanted(sampler=sampler, trials=trials)
    with begun(space, str(tmp_path / "study"), wanted) as store:
        assert goal_of(space, store, wanted, 0) == min(trials or 9, 9)


def test_a_space_that_nobody_can_go_through_is_begun_at_once():
    space = load_space("edge_chip")
    first = list(islice(even_order(space), 1000))
    assert len(set(first)) == 1000
    for place, size in enumerate(space.sizes[:3]):
        assert len({choice[place] for choice in first}) == size


@pytest.mark.parametrize(("sampler", "wanted"), [("exhaustive", 12), ("random", 10)])
def test_everything_shown_of_an_unfinished_study_says_so(cli, cli_json, tmp_path, sampler, wanted):
    import json

    import pyarrow.parquet

    space = write_space(tmp_path, parameters="  pe.rows: [2, 4, 8]\n  winograd.m1: {int: [1, 4]}\n")
    where = tmp_path / "study"
    loaded = kept_study(space, where, points=7, sampler=sampler)
    if sampler == "random":
        with begun(loaded, str(where), Wanted(resume=True)) as store:
            store.want(wanted)
    says = f"unfinished: 7 of {wanted} points"
    storage = ("--storage", str(where))
    for name in ("status", "front"):
        assert cli("dse", name, space, *storage).stdout.startswith(says)
    for options in (("--format", "csv"), ("--format", "json"), ("--commands",)):
        assert says in cli("dse", "front", space, *storage, *options).stderr
    data = cli_json("dse", "status", space, *storage, "--format", "json")
    assert (data["finished"], data["wanted"], data["is_finished"]) == (7, wanted, False)
    for file in ("x.csv", "x.parquet"):
        assert says in cli("dse", "export", space, *storage, "--out", str(tmp_path / file)).stderr
    about = json.loads(pyarrow.parquet.read_schema(tmp_path / "x.parquet").metadata[b"lw3dsim.points"])
    assert (about["finished"], about["wanted"]) == (7, wanted)
    assert says in cli("dse", "report", space, *storage, "--out", str(tmp_path / "x.html")).stderr
    assert f'<p class="warning">{says}' in (tmp_path / "x.html").read_text()


def test_nothing_shown_of_a_finished_study_says_otherwise(cli, tmp_path):
    space = write_space(tmp_path, parameters="  pe.rows: [2, 4]\n")
    kept_study(space, tmp_path / "study")
    for name in ("status", "front"):
        result = cli("dse", name, space, "--storage", str(tmp_path / "study"))
        assert "unfinished" not in result.stdout + result.stderr
