"""Are the steps, tiles and kinds of a layer those that its loops give, walked one by one?"""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from paper import conv, machine, problem_of, tiles

from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Add, Pool3d, Shape
from lw3dsim.machine.problem import on_rows
from lw3dsim.map.layer.mapping import make_axes
from lw3dsim.schedule.build import build_schedule
from lw3dsim.schedule.dma import runs_of

# Of the second, DMA and the array meet at every buffer.
ARCHS = machine(), machine(*(f"buffers.{name}_banks=1" for name in ("ifmap", "weight", "ofmap")))
POOL = {"name": "x", "inputs": ("i",), "mode": "max"}


@st.composite
def layers(draw):
    size = (draw(st.integers(2, 5)), draw(st.integers(3, 7)), draw(st.integers(3, 7)))
    channels = draw(st.sampled_from([2, 4, 6]))
    kind = draw(st.sampled_from(["dense", "groups", "depthwise", "strided", "pool", "global", "add"]))
    if kind == "pool":
        return problem_of(Pool3d(**POOL, kernel=(2, 2, 2), stride=(2, 2, 2)), Shape(channels, *size), ARCHS[0])
    if kind == "global":
        return problem_of(Pool3d(**POOL | {"mode": "avg"}, kernel="global"), Shape(channels, *size), ARCHS[0])
    if kind == "add":
        return problem_of(Add(name="x", inputs=("i", "j")), Shape(channels, *size), ARCHS[0])
    groups = {"groups": 2, "depthwise": channels}.get(kind, 1)
    stride, dilation = ((1, 2, 2), (1, 2, 1)) if kind == "strided" else ((1, 1, 1), (1, 1, 1))
    out = channels if kind == "depthwise" else draw(st.sampled_from([2, 4, 6]))
    more = {"groups": groups, "stride": stride, "dilation": dilation, "bias": draw(st.booleans())}
    problem = conv(channels, out, size, (1, 2, 2), ARCHS[0], **more)
    return draw(st.sampled_from(on_rows(problem, 2)))


@st.composite
def mappings(draw, problem):
    def size(total, least=1):
        return least * draw(st.integers(1, total // least))

    order, slots = draw(st.sampled_from(["weights_outer", "tiles_outer"])), draw(st.integers(1, 3))
    c = problem.c if problem.structure == "grouped" else size(problem.c)
    return tiles(size(problem.n, problem.group_n), c, *map(size, problem.out), order=order, slots=slots)


def walked(problem, mapping):
    """The indices (g, n, t, h, w, c) of all steps, in order."""
    axes = make_axes(problem, mapping)
    frames = 1 if problem.reduces_frames else axes.t.tiles
    trips = {"g": problem.groups, "n": len(axes.n), "t": frames, "h": axes.h.tiles, "w": axes.w.tiles, "c": len(axes.c)}
    order = "gnthwc" if mapping.order == "weights_outer" else "gthwnc"
    places = itertools.product(*(range(trips[name]) for name in order))
    return [tuple(dict(zip(order, place, strict=True))[name] for name in "gnthwc") for place in places]


def begins(needs):
    """The steps that need another tile than the step before."""
    return [step for step, need in enumerate(needs) if step == 0 or need != needs[step - 1]]


def passing(arch, bits, slots):
    """The cycles in which tiles pass a port of 4 bytes; with one slot they take turns with the array."""
    return [-(-tile // 32) if arch is ARCHS[1] and slots > 1 else 0 for tile in bits.tolist()]


cases = layers().flatmap(lambda problem: st.tuples(st.just(problem), mappings(problem)))


@settings(max_examples=150)
@given(cases, st.sampled_from(ARCHS))
def test_a_tile_is_loaded_when_a_step_needs_another_and_stored_after_its_reduction(case, arch):
    problem, mapping = case
    schedule, steps = build_schedule(problem, mapping, arch, make_clocks(arch)), walked(problem, mapping)
    assert np.array([getattr(schedule.loops, name) for name in "gnthwc"]).T.tolist() == [list(step) for step in steps]
    dense, reduces = problem.structure == "dense", problem.reduces_frames
    inputs = [(g, c if dense else n, c if reduces else t, h, w) for g, n, t, h, w, c in steps]
    needs = {"ifmap": inputs} | (
        {} if problem.structure == "vector" else {"weight": [(s[0], s[1], s[5]) for s in steps]}
    )
    for name, needed in needs.items():
        loads, first = getattr(schedule, name), begins(needed)
        assert loads.first.tolist() == first
        assert loads.last.tolist() == [step - 1 for step in first[1:]] + [len(steps) - 1]
        slots = getattr(mapping, f"{name}_slots")
        assert loads.after.tolist() == [-1] * min(slots, len(first)) + [
            s - 1 for s in first[1:][: max(len(first) - slots, 0)]
        ]
        # One box for each tile, whenever it is loaded.
        boxes = dict(zip([needed[step] for step in first], loads.box.tolist(), strict=True))
        assert [boxes[needed[step]] for step in first] == loads.box.tolist()
        assert len(set(boxes.values())) == len(boxes)
        assert loads.words.tolist() == passing(arch, loads.bits, slots)
    closes = [step for step, place in enumerate(steps) if place[5] == steps[-1][5]]
    assert schedule.ofmap.closes.tolist() == closes
    assert schedule.ofmap.opens.tolist() == [0, *(step + 1 for step in closes[:-1])]
    assert sum(schedule.ofmap.bits) == problem.outputs * problem.activation_bits
    assert schedule.ofmap.words.tolist() == passing(arch, schedule.ofmap.bits, mapping.ofmap_slots)


@settings(max_examples=150)
@given(cases, st.sampled_from(ARCHS))
def test_steps_are_of_a_kind_when_they_have_one_size_and_place_in_the_reduction(case, arch):
    problem, mapping = case
    schedule, axes = build_schedule(problem, mapping, arch, make_clocks(arch)), make_axes(problem, mapping)
    kinds, last, marks = schedule.kinds, len(axes.c) - 1, []
    for _, n, t, h, w, c in walked(problem, mapping):
        at = [(axes.t, c if problem.reduces_frames else t), (axes.h, h), (axes.w, w)]
        sizes = [axis.outputs[i] for axis, i in at]
        marks.append((axes.n[n], axes.c[c], c == 0, c == last, *sizes))
    assert len(set(zip(marks, schedule.kind.tolist(), strict=True))) == len(set(marks)) == len(kinds.head)


@settings(max_examples=100)
@given(cases, st.sampled_from([2, 8, 64]))
def test_a_page_joins_runs_and_moves_the_same_bursts(case, page):
    problem, mapping = case
    regions = build_schedule(problem, mapping, ARCHS[0], make_clocks(ARCHS[0])).regions
    bursts = np.concatenate([region.box_bursts for region in regions])
    apart, joined = runs_of(regions), runs_of(regions, page)
    for runs in (apart, joined):
        assert [sum(runs.bursts[i:j]) for i, j in itertools.pairwise(runs.offsets)] == bursts.tolist()
    for box in range(len(bursts)):
        left = [burst for first, count in described(apart, box) for burst in range(first, first + count)]
        for first, count in described(joined, box):
            here, left = left[:count], left[count:]
            assert here[0] == first
            assert here == list(range(first, first + count)) or {burst // page for burst in here} == {first // page}


def described(runs, box):
    """The (first, bursts) of the runs of a box."""
    here = slice(runs.offsets[box], runs.offsets[box + 1])
    return list(zip(runs.first[here], runs.bursts[here], strict=True))
