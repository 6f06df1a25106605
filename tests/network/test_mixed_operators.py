"""Graphs of all kinds of layers: do engines agree, is what is computed exact, is what moves compulsory at least?"""

from hypothesis import given, settings
from hypothesis import strategies as st
from support.mixed_graphs import mixed_graphs

import lw3dsim
from lw3dsim.transform.lowering import lowered

# Where bytes alone count, much is fused.
FUSION = st.sampled_from([{"fusion": "off"}, {"fusion": "auto"}, {"fusion": "auto", "objective": "dram_bytes"}])
ARCHS = st.sampled_from(["edge_base", "edge_small"])
GRAPHS = st.one_of(mixed_graphs(), mixed_graphs(bits=(3, 4, 8, 12)))
STATEFUL = st.one_of(mixed_graphs(causal=True), mixed_graphs(causal=True, bits=(4, 6, 8)))
SLOWLY = settings(max_examples=20)


@SLOWLY
@given(GRAPHS, ARCHS, FUSION, st.sampled_from(["direct", "auto"]))
def test_engines_agree_and_all_that_is_asked_for_moves(network, arch, how, algorithm):
    fast, simpy = (
        lw3dsim.simulate(network, arch, **how, algorithm=algorithm, engine=engine) for engine in ("fast", "simpy")
    )
    assert [row.latency_cycles for row in fast.record.layers] == [row.latency_cycles for row in simpy.record.layers]
    assert fast.totals == simpy.totals
    assert all(row.dram_bytes >= row.compulsory_bytes for row in fast.record.layers)
    run = lowered(network)
    assert fast.totals.macs == sum(map(run.layer_macs, run.layers))


@SLOWLY
@given(GRAPHS, ARCHS, FUSION, st.sampled_from([1, 3]), st.sampled_from(["direct", "auto"]))
def test_what_is_computed_is_exact(network, arch, how, batch, algorithm):
    assert lw3dsim.execute(network, arch, **how, batch=batch, algorithm=algorithm, dtype="int8").exact


@SLOWLY
@given(STATEFUL, ARCHS, FUSION)
def test_a_stream_with_state_is_one_long_clip(network, arch, how):
    result = lw3dsim.execute(network, arch, **how, clips=2, stream_state="causal", dtype="int8")
    assert result.exact
