"""Does a core run layers that look back in a stream: at the clip before, or at all frames so far?"""

from __future__ import annotations

import itertools

import pytest
from cores import MACHINES, SHARED, differences, divided
from vector_layers import drawn_vector_layer, vector_subject

from lw3dsim.network.pipeline import map_prepared, prepare
from lw3dsim.network.request import Options, make_request
from lw3dsim.rtl.covered import refusal
from lw3dsim.rtl.subject import drawn

STREAM = """
name: stream
stream_state: all
inputs:
  clip: {channels: 6, frames: 4, height: 6, width: 5}
layers:
  - {name: time, kind: conv3d, inputs: [clip], out_channels: 8, kernel: [3, 1, 1], padding: [[2, 0], 0, 0]}
  - {name: apart, kind: conv3d, inputs: [time], out_channels: 8, kernel: [3, 1, 1], padding: [[2, 0], 0, 0], groups: 8}
  - {name: point, kind: conv3d, inputs: [apart], out_channels: 5, kernel: 1, bias: true, activation: relu}
  - {name: wide, kind: conv3d, inputs: [point], out_channels: 5, kernel: [1, 3, 3], padding: [0, 1, 1]}
"""
MEANS = """
name: means
inputs:
  clip: {channels: 6, frames: 4, height: 6, width: 5}
layers:
  - {name: pool, kind: pool3d, inputs: [clip], mode: avg, kernel: frame}
  - {name: so_far, kind: running_mean, inputs: [pool]}
"""


@pytest.mark.parametrize("fusion", ["off", "auto"])
@pytest.mark.parametrize("name", ["trees", "temporal"])
def test_layers_find_frames_of_the_clip_before(core_of, tmp_path, name, fusion):
    arch, core, bench = core_of(name)
    (tmp_path / "stream.yaml").write_text(STREAM)
    options = Options(arch=arch, fusion=fusion, objective="dram_bytes")
    prepared = prepare(make_request(str(tmp_path / "stream.yaml"), options))
    units = map_prepared(prepared)
    looking = [stage.state_frames for unit in units for stage in stages_of(unit)]
    assert sum(frames > 0 for frames in looking) == 2
    assert any(len(unit.layers) > 1 for unit in units) == (fusion == "auto")
    for unit in units:
        assert refusal(unit, prepared.design) == ""
        assert not differences(drawn(prepared.network, unit, arch, 0, "auto"), core, bench)


@pytest.mark.parametrize("state", ["off", "all"])
def test_sums_of_all_clips_so_far_are_refused_and_those_of_a_clip_are_not(tmp_path, state):
    (tmp_path / "means.yaml").write_text(MEANS)
    options = Options(arch="edge_small", stream_state=state)
    prepared = prepare(make_request(str(tmp_path / "means.yaml"), options))
    _, mean = map_prepared(prepared)
    assert refusal(mean, prepared.design).startswith("hands its sums on to the next clip") == (state == "all")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", [*MACHINES, *SHARED])
def test_every_frame_has_the_mean_of_all_up_to_it(core_of, name, seed):
    arch, core, bench = core_of(name)
    seen = divided(seed, arch) if name in SHARED else arch
    means = (one for one in itertools.count(100 * seed) if drawn_vector_layer(one)[0].kind == "running_mean")
    assert not differences(vector_subject(next(means), seen), core, bench)


def stages_of(unit):
    """The problems of a unit of a network."""
    return [unit.run.work.problem] if len(unit.layers) == 1 else unit.run.work.group.stages
