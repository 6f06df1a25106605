"""Are axes of groups that have been cut before what they are when they are cut anew?"""

from __future__ import annotations

from fused_groups import ADDING, SMALL, chains, fusable, slicing_chains
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lw3dsim.base.kernels import kernels
from lw3dsim.map.group.axes import Cuts
from lw3dsim.map.group.gather import gather_group
from lw3dsim.map.group.known import PLACES, ROOM, Known, lent_known
from lw3dsim.map.group.tables import limits_of, make_paths, make_scratch, tables_of

BY_WAY = "tile", "tiles", "is_kept", "warm", "seen"
BY_TENSOR = "most_new", "most_retained", "most_held", "all_new", "active", "stored"
BY_TILE = "last", "first", "new", "retained", "needed"
some = settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


def knowing(places, room):
    """Room to know axes in, of nothing yet."""
    work = kernels()
    return Known(work.empty(places), work.empty(room), work.words([1]))


def gathered(group, arch, known=None):
    """What is said of all mappings of a group, and the figures of the ways to cut its axes."""
    tables = tables_of([group], arch)
    own = make_scratch(len(group.stages), len(group.runs), tables, arch, group.stages[0].sources)
    own = own if known is None else own._replace(known=known)
    told = kernels()(gather_group)(tables.layers, make_paths(tables.groups), limits_of(arch), own)
    return told, [figures(own, d) for d in range(2 if told[0] else 3)]


def figures(own, d):
    """Figures of all ways to cut T, H or W, by way, and units of these."""
    cuts, ways = own.parts[1 + d], int(own.ways[d])
    rows = {name: list(getattr(cuts, name))[:ways] for name in BY_WAY}
    for name in BY_TENSOR:
        rows[name] = in_rows(getattr(cuts, name), len(cuts.tile), ways, len(own.filled) + 1)
    for name in ("thw"[d], f"most_{'thw'[d]}"):
        rows[name] = in_rows(getattr(own.parts.units, name), len(cuts.tile), ways, len(own.filled))
    return rows


def in_rows(column, room, ways, rows):
    """A column row by row, of so many ways each."""
    return [list(column[row * room : row * room + ways]) for row in range(rows)]


def test_all_figures_of_cuts_are_known_but_those_by_tile():
    assert {*BY_WAY, *BY_TENSOR, *BY_TILE, "begin"} == {*Cuts._fields}


@some
@given(
    st.lists(st.one_of(chains(), slicing_chains()), min_size=1, max_size=4),
    st.sampled_from([SMALL, ADDING]),
    # In few places, or in room for few, axes drive each other out.
    st.sampled_from([1, 3, PLACES]),
    st.sampled_from([0, 30, 300, 1000, ROOM]),
)
def test_axes_that_are_known_are_cut_as_if_they_were_not(several, arch, places, room):
    known = knowing(places, room)
    for group in 2 * [fusable(chain, arch) for chain in several]:
        assert gathered(group, arch, known) == gathered(group, arch)


@some
@given(chains(), st.sampled_from([SMALL, ADDING]))
def test_axes_are_cut_once(chain, arch):
    group, known = fusable(chain, arch), knowing(PLACES, ROOM)
    gathered(group, arch, known)
    end = int(known.end[0])
    gathered(group, arch, known)
    assert 1 < end == known.end[0]


def test_what_one_has_cut_is_lent_to_the_next_and_to_no_two_at_a_time():
    with lent_known() as one, lent_known() as other:
        assert one.words is not other.words
    with lent_known() as again:
        assert again.words is one.words or again.words is other.words
