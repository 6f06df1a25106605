"""An operator that is not known is refused, or where that is allowed costed as a copy and said to be."""

import pytest
from onnx import helper
from onnx_files import Net

import lw3dsim
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.describe.workload_text import workload_text
from lw3dsim.errors import InputError
from lw3dsim.importing.load import load_workload


@pytest.fixture
def path(tmp_path):
    net = Net({"clip": [1, 6, 4, 5, 5]})
    net.node("Conv", [net.last, net.weight(8, 6, 1, 1, 1)])
    net.nodes.append(helper.make_node("Warp", [net.last, net.weight(8)], ["warped"], name="/warp/Warp", domain="acme"))
    net.last = "warped"
    net.node("Conv", [net.last, net.weight(3, 8, 1, 1, 1)])
    return net.save(tmp_path / "net.onnx")


def test_it_is_refused_with_the_way_out(path):
    with pytest.raises(InputError, match=r"acme\.Warp of 1x8x4x5x5, 8\): this operator .*--allow-unknown"):
        load_workload(path)


def test_it_is_a_copy_where_that_is_allowed(path):
    result = lw3dsim.simulate(path, allow_unknown=True)
    conv, copy, _ = result.record.layers
    assert (copy.name, copy.kind, copy.note) == ("warp", "copy", "acme.Warp is not known, costed as a copy")
    assert conv.note == ""
    size = 8 * 4 * 5 * 5
    assert copy.dram_bytes >= 2 * size
    assert lw3dsim.execute(path, allow_unknown=True, fusion="auto").exact


def test_the_command_line_lists_it(path, cli):
    for words in (("simulate",), ("show",), ("compare",), ("import",), ("execute",)):
        assert cli(*words, str(path)).exit_code == 2
        done = cli(*words, str(path), "--allow-unknown")
        assert (done.exit_code, done.stderr.strip()) == (0, "note: warp: acme.Warp is not known, costed as a copy")


def test_it_reads_back_from_a_workload_file(path):
    network = load_workload(path, allow_unknown=True)
    assert parse_workload(workload_text(network)) == network


def test_two_computed_tensors_are_no_copy(tmp_path):
    net = Net({"clip": [1, 6, 4, 5, 5]})
    first = net.node("Relu")
    net.nodes.append(helper.make_node("Warp", ["clip", first], ["warped"], domain="acme"))
    with pytest.raises(InputError, match="reads 2 computed tensors; a copy reads one"):
        load_workload(net.save(tmp_path / "net.onnx", "warped"), allow_unknown=True)


def test_it_is_for_networks_in_onnx():
    with pytest.raises(InputError, match="only a network in ONNX"):
        load_workload("c3d", allow_unknown=True)
    with pytest.raises(InputError, match="not a loaded one"):
        lw3dsim.simulate(lw3dsim.load_workload("c3d"), allow_unknown=True)
