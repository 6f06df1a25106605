"""Are arguments taken where they are natural, and else refused in one sentence, before any work?"""

from __future__ import annotations

import inspect
import json
import pathlib
import pickle
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from wrong_arguments import CALLS, TINY, VALUES, given

import lw3dsim
from lw3dsim import InputError, OutputError, dse, learn, rtl, traced, transform
from lw3dsim.base.records import Record
from lw3dsim.comparison import explain
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.explore import runner
from lw3dsim.network import apart
from lw3dsim.network.request import Options, make_request
from lw3dsim.report.plots import ResultPlots

HOLDERS = {"": lw3dsim, "dse": dse, "plot": ResultPlots, "learn": learn, "rtl": rtl, "transform": transform}
ARGUMENTS = [(function, argument) for function, (_, arguments) in CALLS.items() for argument in arguments]


class _Begun(Exception):  # noqa: N818  # no error
    pass


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    """Run in an empty folder with a tiny network; note what work is begun."""
    done = []
    run_layer = apart.run_layer

    def noted(*args, **options):
        done.append("layer")
        return run_layer(*args, **options)

    def begun(*_):
        raise _Begun

    monkeypatch.setattr(apart, "run_layer", noted)
    monkeypatch.setattr(dse, "begun", begun)
    monkeypatch.setattr(dse, "proved", begun)
    monkeypatch.setattr("lw3dsim.rtl.check.check_prepared", begun)
    monkeypatch.setattr(traced, "trace_file", begun)
    monkeypatch.setattr(explain, "_steps", lambda _: iter(()))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY)
    return done


def test_every_argument_of_every_public_function_is_tried():
    assert set(lw3dsim.__all__) & CALLS.keys() == {
        name for name in lw3dsim.__all__ if inspect.isfunction(getattr(lw3dsim, name)) or name == "Case"
    }
    assert {name for name in dse.__all__ if inspect.isfunction(getattr(dse, name))} == {
        name.removeprefix("dse.") for name in CALLS if name.startswith("dse.")
    }
    for name, (call, arguments) in CALLS.items():
        holder, _, own_name = name.rpartition(".")
        function = lw3dsim.Case if name == "Case" else getattr(HOLDERS[holder], own_name)
        own = set(inspect.signature(function).parameters) - {"self"}
        assert own - {*arguments} <= ({"name"} if name.startswith("load_") else set()), call


@pytest.mark.parametrize(("function", "argument"), ARGUMENTS, ids=map(".".join, ARGUMENTS))
def test_a_wrong_argument_is_refused_in_one_sentence_before_any_work(work, tmp_path, function, argument):
    call, _ = CALLS[function]
    for name, make in VALUES.items():
        work.clear()
        try:
            result = call(**{**given(function), argument: make()})
        except (InputError, OutputError) as error:
            sentence = str(error)
        except _Begun:
            continue
        else:
            json.loads(result.to_json() if hasattr(result, "to_json") else "0")
            continue
        assert sentence.isprintable(), name
        assert len(sentence) < 1000, name
        assert not work, name
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]


TAKEN = {
    "m1": (2, [np.int64(2), np.uint8(2), np.array(2)]),
    "classes": (5, [np.int32(5)]),
    "clips": (2, [np.int64(2)]),
    "transform": ("fsb,trg:layers=1", [["fsb", "trg:layers=1"], ("fsb", "trg:layers=1"), " fsb , trg:layers=1"]),
    "input_size": (
        "4x8x8",
        [
            (4, 8, 8),
            [4, 8, 8],
            np.array([4, 8, 8]),
            "4X8X8",
            {"clip": "4x8x8"},
            {"clip": (4, 8, np.int8(8))},
            "clip=4x8x8",
        ],
    ),
    "overrides": (
        ["pe.rows=4", "dram.refresh=none"],
        [
            ("pe.rows=4", "dram.refresh=none"),
            {"pe.rows": 4, "dram.refresh": "none"},
            {"pe.rows": np.int64(4), "dram": {"refresh": "none"}},
        ],
    ),
    "mapping": (None, [None]),
    "arch": ("edge_base", [lw3dsim.load_arch("edge_base")]),
    "workload": ("tiny.yaml", [pathlib.Path("tiny.yaml"), parse_workload(TINY)]),
    "algorithm": ("hfa", [np.str_("hfa")]),
}


@pytest.mark.parametrize("argument", TAKEN)
def test_natural_forms_of_an_argument_mean_the_same(work, argument):
    plain, others = TAKEN[argument]
    expected = lw3dsim.simulate(**{"workload": "tiny.yaml", argument: plain}).to_json()
    for other in others:
        assert lw3dsim.simulate(**{"workload": "tiny.yaml", argument: other}).to_json() == expected
    assert work


REFUSED = {  # the value, and what the sentence says
    "m1": [(2.0, "m1 = 2.0: expected a whole number from 1 to 8"), (True, "m1 = True: exp"), (9, "m1 = 9: ")],
    "clips": [(0, "from 1 to 1000"), (1001, "from 1 to 1000")],
    "classes": [(65_537, "from 1 to 65536"), ("3", "classes = '3'")],
    "transform": [
        (5, "transform = 5: expected a pass"),
        (["fsb", 3], "transform = ['fsb', 3]"),
        ("fbs", "did you mean 'fsb'"),
    ],
    "input_size": [((1, 2), "TxHxW"), ((16, 32, 32.0), "three whole numbers"), ({"clap": "1x1x1"}, "input 'clap'")],
    "overrides": [
        ("pe.rows", "key.path=value"),
        ({"pe.rows": "4"}, 'pe.rows="4"'),
        ({"pe.rows": float("nan")}, "'pe.rows'"),
        ({"": 1}, "key path"),
        ([1], "overrides = [1]"),
    ],
    "engine": [("fats", "did you mean 'fast'"), (1, "engine = 1: expected one of auto, fast, simpy")],
    "fusion": [("on", "unknown fusion 'on'"), (True, "fusion = True")],
    "progress": [
        (3, "progress = 3: expected None or a function, called as progress(done, all)"),
        (len, "expected None or a function, called as progress(done, all)"),  # takes one
    ],
    "dims": [({"a": 3}, "dims = 'a=3': only a network in ONNX has dimensions with names")],
    "mapping": [(b"m.yaml", "mapping = b'm.yaml': expected a file name, as text or pathlib.Path")],
    "workload": [(5, "a loaded Workload"), ("c3", "did you mean 'c3d'")],
}


@pytest.mark.parametrize("argument", REFUSED)
def test_a_refusal_names_the_argument_the_value_and_what_is_allowed(work, argument):
    for value, part in REFUSED[argument]:
        with pytest.raises(InputError) as refused:
            lw3dsim.simulate(**{"workload": "tiny.yaml", argument: value})
        assert part in str(refused.value)
    assert not work


def test_the_command_line_says_the_same_of_its_options(cli):
    assert "Error: --m1 9: expected a whole number from 1 to 8" in cli("simulate", "c3d", "--m1", "9").stderr
    assert "Error: --dim 'a=3': only a network in ONNX" in cli("simulate", "c3d", "--dim", "a=3").stderr
    assert "Error: --storage '': expected a file name" in cli("dse", "status", "tiles_and_pes", "--storage", "").stderr
    share = cli("simulate", "c3d", "--set", "buffers.intermediate_share=nan").stderr
    assert "=nan: not allowed; allowed: auto, or a number" in share
    assert "Error: --seed -1: expected a whole number" in cli("execute", "c3d", "--seed", "-1").stderr
    assert "Error: --input '1x1': expected frames" in cli("show", "c3d", "--input", "1x1").stderr


def test_what_resizes_or_changes_a_file_is_refused_for_a_loaded_object(work):
    network, arch = lw3dsim.load_workload("tiny.yaml"), lw3dsim.load_arch("edge_base")
    for change in ({"input_size": (4, 8, 8)}, {"classes": 3}, {"overrides": ["pe.rows=4"]}):
        with pytest.raises(InputError, match=f"{next(iter(change))} = .* a loaded one") as refused:
            lw3dsim.simulate(network, arch, **change)
        assert str(refused.value).isprintable()
    assert not work


def test_an_accelerator_changed_in_python_is_checked_like_a_file(work):
    import msgspec

    arch = lw3dsim.load_arch("edge_base")
    for lanes in (0, 2.5, np.int64(4), "many"):
        with pytest.raises(InputError, match="arch 'edge_base'"):
            lw3dsim.simulate("tiny.yaml", msgspec.structs.replace(arch, vector_lanes=lanes))
    memory = msgspec.structs.replace(arch.dram, preset="ddr9")
    with pytest.raises(InputError, match="unknown DRAM preset 'ddr9'"):
        lw3dsim.simulate("tiny.yaml", msgspec.structs.replace(arch, dram=memory))
    assert not work


def test_inputs_are_resized_by_their_names(tmp_path):
    text = (
        "name: two\ninputs:\n  a: {channels: 2, frames: 4, height: 8, width: 8}\n"
        "  b: {channels: 2, frames: 2, height: 8, width: 8}\n  c: {sample_of: a, frame_stride: 2}\n"
        "layers: [{name: j, kind: concat, inputs: [b, c]}, {name: g, kind: trg, inputs: a}]\n"
    )
    (tmp_path / "two.yaml").write_text(text)
    network = lw3dsim.load_workload(tmp_path / "two.yaml", input_size={"a": (6, 8, 8), "b": "3x8x8"})
    assert [shape.frames for shape in network.inputs.values()] == [6, 3, 3]
    with pytest.raises(InputError, match="input c takes its size from a"):
        lw3dsim.load_workload(tmp_path / "two.yaml", input_size={"c": (2, 8, 8)})
    with pytest.raises(InputError, match="named twice"):
        lw3dsim.load_workload(tmp_path / "two.yaml", input_size="a=6x8x8,a=4x8x8")


def test_cases_are_all_checked_before_the_first_runs(work):
    case = lw3dsim.Case
    for cases, part in (
        ([case(name="a"), case(name="a")], "'a' is used twice"),
        ([case(name="a"), case(name="b", m1=0)], "case b: m1 = 0"),
        ([case(name="a"), case(name="b", arch="edge_bas")], "case b: unknown arch"),
        ([case(name="a"), case(name="b", mapping="none.yaml")], "case b: none.yaml"),
        ([case(name="a"), case(name=3)], "name = 3"),
        ([case(name="a"), case(name="b", dims=["T=2", "T"])], "case b: dims = 'T'"),
        ([case(name="a"), "b"], r"cases\[1\] = 'b'"),
        ([], "at least one case"),
    ):
        with pytest.raises(InputError, match=part):
            lw3dsim.compare("tiny.yaml", cases)
    assert not work


def test_a_request_passes_its_own_checks_unchanged():
    given = Options(transform=["fsb"], input_size={"clip": (16, 32, 32)}, overrides={"pe.rows": 4}, m1=2)
    first = make_request("c3d", given)
    kept = {name: value for name, value in vars(first).items() if name != "workload"}
    assert make_request(first.workload, Options(**kept)) == first


def test_a_result_can_not_be_changed():
    for result in (lw3dsim.simulate("tiny.yaml"), lw3dsim.execute("tiny.yaml")):
        before = result.to_json()
        for record in _records(getattr(result, "record", result)):
            with pytest.raises(AttributeError):
                setattr(record, record.order()[0], 1)
        assert result.to_json() == before
        getattr(result, "record", result).as_dict()["layers"][0].clear()
        assert result.to_json() == before
        assert pickle.loads(pickle.dumps(result)).to_json() == before  # noqa: S301  # our own


def _records(record):
    yield record
    for value in (getattr(record, name) for name in record):
        for nested in value if isinstance(value, tuple) else [value]:
            if isinstance(nested, Record):
                yield from _records(nested)


def compared(name):
    return lw3dsim.compare(name, [lw3dsim.Case(name="a")])


@pytest.mark.parametrize("make", [lw3dsim.simulate, lw3dsim.map_workload, compared])
def test_outputs_go_to_files_with_names(make):
    result = make("tiny.yaml")
    write = result.save if hasattr(result, "save") else result.report
    for name, value in VALUES.items():
        if name not in ("text", "lines", "number as text", "word"):
            with pytest.raises((InputError, OutputError)) as refused:
                write(value())
            assert len(str(refused.value).splitlines()) == 1
    write(pathlib.Path("made"))
    assert pathlib.Path("made").stat().st_size > 100


def test_public_names_are_listed_before_anything_heavy_is_imported():
    code = (
        "import sys, lw3dsim; names = dir(lw3dsim); assert {*lw3dsim.__all__} <= {*names}, names\n"
        "heavy = {'numpy', 'pandas', 'msgspec', 'optuna', 'lw3dsim.network.pipeline'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
        "assert all(hasattr(lw3dsim, name) for name in lw3dsim.__all__)\n"
        "assert {*lw3dsim.dse.__all__} <= {*dir(lw3dsim.dse)}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("home", [lw3dsim, dse], ids=["lw3dsim", "lw3dsim.dse"])
def test_public_functions_are_typed_and_documented(home):
    for name in home.__all__:
        thing = getattr(home, name)
        if inspect.isfunction(thing):
            signature = inspect.signature(thing)
            assert all(
                parameter.annotation is not inspect.Parameter.empty for parameter in signature.parameters.values()
            )
            assert signature.return_annotation is not inspect.Signature.empty
            assert "Raises InputError" in inspect.getdoc(thing) or "raise InputError" in inspect.getdoc(thing), name
        assert name == "__version__" or inspect.getdoc(thing)
    assert (pathlib.Path(lw3dsim.__file__).parent / "py.typed").exists()


def test_checking_a_run_costs_next_to_nothing():
    arch, network = lw3dsim.load_arch("edge_base"), lw3dsim.load_workload("c3d")
    make_request(network, Options(arch=arch))
    times = []
    for _ in range(20):
        begin = time.perf_counter()
        make_request(network, Options(arch=arch))
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.002


MISSING = ["model.onnx", "model.pt", "nets/mine", "c3d.yml", "mine.yaml", "a.b"]


@pytest.mark.parametrize("name", MISSING)
def test_a_file_that_is_missing_is_called_so(cli, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    sentence = cli("simulate", name).stderr
    assert f"Error: {name}: no such file is there" in sentence
    assert ("only workloads in YAML and networks in ONNX are read" in sentence) == name.endswith((".onnx", ".pt"))
    assert ("did you mean 'c3d'" in sentence) == name.startswith("c3d")
    assert f"Error: {name}: no such file is there" in cli("simulate", "c3d", "--arch", name).stderr


def test_a_network_of_another_tool_is_called_so(cli, tmp_path):
    (tmp_path / "model.PT2").write_bytes(b"\x08\x07")
    assert "model.PT2: only workloads in YAML" in cli("simulate", str(tmp_path / "model.PT2")).stderr


LONE = {"kernel": 3, "stride": 2, "padding": 1, "dilation": 2}


def conv(**keys):
    layer = {"name": "a", "kind": "conv3d", "out_channels": 4, "kernel": 3, **keys}
    return parse_workload(
        TINY.replace("{name: a, kind: conv3d, out_channels: 4, kernel: 3, padding: 1}", json.dumps(layer))
    )


def test_one_number_is_a_window_in_all_dimensions():
    layer = conv(**LONE).layers[0]
    assert {key: getattr(layer, key) for key in LONE} == {key: (value,) * 3 for key, value in LONE.items()}
    pool = TINY.replace("conv3d, out_channels: 4, kernel: 3, padding: 1", "pool3d, mode: max, kernel: 2, stride: 1")
    assert (parse_workload(pool).layers[0].kernel, parse_workload(pool).layers[0].stride) == ((2, 2, 2), (1, 1, 1))


@pytest.mark.parametrize(
    ("keys", "part"),
    [
        ({"kernel": 0}, "layers[0].kernel = 0: expected a whole number from 1 to"),
        ({"padding": -1}, "layers[0].padding = -1: expected a whole number from 0 to"),
        (
            {"stride": 2.0},
            "expected three whole numbers for (T, H, W), such as [3, 3, 3], or one for all three, not 2.0",
        ),
        ({"padding": "SAME"}, "such as [1, 1, 1], one for all three, or the word same, not 'SAME'"),
        ({"padding": "same", "kernel": [3, 3]}, "layers[0].kernel = [3, 3]: expected a list of 3 whole numbers"),
        ({"padding": "valid"}, "not 'valid'; without padding, leave it out"),
        ({"padding": [[1, 2, 3], 0, 0]}, "layers[0].padding[0] = [1, 2, 3]"),
        ({"padding": [[1, -1], 0, 0]}, "layers[0].padding[0][1] = -1"),
        ({"padding": "reflect"}, "layers[0].padding: expected three whole numbers"),
        ({"kernel": [3, 3]}, "layers[0].kernel"),
        ({"kernel": True}, "not True"),
    ],
)
def test_a_window_that_is_none_is_refused_with_what_to_write(keys, part):
    with pytest.raises(InputError) as refused:
        conv(**keys)
    assert part in str(refused.value)


def test_a_study_can_be_run_beside_the_main_thread():
    """Only the main thread may watch for interrupts."""
    entered = []

    def enter():
        with runner.interrupts() as interrupt:  # a whole study takes seconds
            entered.append(interrupt.is_wished)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert entered == [False]


@pytest.mark.parametrize("width", ["wide", 0, 80.0, True])
def test_loop_nests_have_lines_of_a_whole_number_of_characters(work, width):
    with pytest.raises(InputError, match=r"width = .*: expected a whole number from 1 to 10000"):
        lw3dsim.map_workload("tiny.yaml").text(width)
    assert work
