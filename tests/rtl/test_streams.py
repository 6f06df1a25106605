"""Does a core run layers that look back at the clip before, by themselves and at the head of a group?"""

from __future__ import annotations

import pytest
from cores import differences

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


def stages_of(unit):
    """The problems of a unit of a network."""
    return [unit.run.work.problem] if len(unit.layers) == 1 else unit.run.work.group.stages
