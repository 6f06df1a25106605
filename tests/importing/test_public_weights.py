"""Video networks of PyTorch are executed on their own weights: floats as PyTorch computes, integers exactly."""

import numpy as np
import pytest

import lw3dsim
from lw3dsim.arithmetic.functions import FUNCTIONS
from lw3dsim.describe.workload import Add, Concat, Conv3d, Linear, Pool3d

pytest.importorskip("onnx")
torch = pytest.importorskip("torch", reason="install lw3dsim[torch] to run these tests")
pytest.importorskip("onnxscript", reason="install onnxscript to run these tests")

SIZES = {
    "x3d_s": "4x32x32",
    "slowfast_r50_4x16": "32x32x32",
    "csn_r101": "4x32x32",
    "r2plus1d_r18": "4x32x32",
    "movinet_a0": "4x33x33",
}
# Networks of rectifiers, sums, pools and products alone.
PLAIN = ("slowfast_r50_4x16", "csn_r101", "r2plus1d_r18")
OPTIONS = ({}, {"algorithm": "hfa"}, {"algorithm": "hfa", "fusion": "auto"})


@pytest.fixture(scope="module", params=SIZES)
def exported(request, tmp_path_factory):
    """A module with batch norms that do something, its clips, its outputs, and its file."""
    torch.manual_seed(0)
    network = lw3dsim.load_workload(request.param, input_size=SIZES[request.param], classes=10)
    module = lw3dsim.to_torch(network).eval()
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm3d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
    clips = {name: torch.rand(1, *shape) - 0.5 for name, shape in network.inputs.items()}
    path = tmp_path_factory.mktemp("onnx") / f"{request.param}.onnx"
    is_new = request.param == "movinet_a0"  # what the old exporter can't write
    given = {"input_names": list(clips), "dynamo": is_new, "external_data": False, "verbose": False}
    torch.onnx.export(module, tuple(clips.values()), str(path), **given)
    with torch.no_grad():
        output = module(**clips).numpy().ravel()
    return request.param, module, {name: clip[0].numpy() for name, clip in clips.items()}, output, path


def only(outputs):
    (output,) = outputs.values()
    return output.ravel()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_floats_are_those_of_pytorch(exported, options):
    _, _, clips, expected, path = exported
    result = lw3dsim.execute(path, dtype="float32", inputs=clips, **options)
    assert np.abs(only(result.outputs) - expected).max() <= 1e-4 * np.abs(expected).max()
    assert not any("random" in layer.weights for layer in result.layers)


@pytest.mark.filterwarnings("ignore")
def test_a_state_dict_gives_the_same(exported):
    _, module, clips, expected, _ = exported
    result = lw3dsim.execute(module.workload, dtype="float32", inputs=clips, weights=module.state_dict())
    assert np.abs(only(result.outputs) - expected).max() <= 1e-4 * np.abs(expected).max()


def codes(values):
    """Integers of 8 bits for real values, the largest magnitude as 127, and what a step stands for."""
    step = float(np.abs(values).max()) / 127
    return np.rint(values / step).astype(float), step


def back(sums):
    """Sums shifted right, rounding, until the largest fits 8 bits, and what the step grows by."""
    shift = max(int(np.abs(sums).max()).bit_length() - 7, 0)
    return np.clip(np.floor((sums + (2**shift) // 2) / 2**shift), -127, 127), 2.0**shift


def integers(layer, sources, weights, step):
    """Plain integers of one layer, in floats that hold them exactly."""
    x = torch.from_numpy(sources[0])[None]
    if isinstance(layer, Conv3d | Linear):
        w, unit = codes(weights[f"{layer.name}.weight"])
        bias = np.rint(weights[f"{layer.name}.bias"] / (step * unit)) if f"{layer.name}.bias" in weights else None
        bias = None if bias is None else torch.from_numpy(bias.astype(float))
        if isinstance(layer, Linear):
            made = torch.nn.functional.linear(x.flatten(1), torch.from_numpy(w[:, :, 0, 0, 0]), bias)
            return made.numpy()[0][:, None, None, None], step * unit
        given = (layer.stride, layer.padding, layer.dilation, layer.groups)
        return torch.nn.functional.conv3d(x, torch.from_numpy(w), bias, *given).numpy()[0], step * unit
    if isinstance(layer, Add):
        return np.sum(sources, axis=0), step
    if isinstance(layer, Concat):
        return np.concatenate(sources), step
    assert isinstance(layer, Pool3d)
    kernel = layer.window(lw3dsim.describe.workload.Shape(*sources[0].shape))
    if layer.mode == "max":
        pooled = torch.nn.functional.max_pool3d(x, kernel, layer.stride, layer.padding)
        return pooled.numpy()[0], step
    count = np.prod(kernel)
    total = torch.nn.functional.avg_pool3d(x, kernel, layer.stride, divisor_override=1).numpy()[0]
    return np.floor((2 * total + count) / (2 * count)), step


@pytest.mark.filterwarnings("ignore")
def test_integers_are_those_of_a_plain_computation(exported):
    name, _, clips, _, path = exported
    results = [lw3dsim.execute(path, inputs=clips, **options) for options in OPTIONS]
    assert all(result.exact for result in results)
    if name not in PLAIN:
        return
    weights, network = lw3dsim.load_weights(path), lw3dsim.load_workload(path)
    tensors = {key: codes(clip) for key, clip in clips.items()}
    for layer in network.layers:
        sources = [tensors[source] for source in layer.inputs]
        sums, step = integers(layer, [values for values, _ in sources], weights, max(step for _, step in sources))
        values, growth = back(FUNCTIONS[getattr(layer, "activation", "none")](sums))
        tensors[layer.name] = values, step * growth
    for result in results:
        assert np.array_equal(only(result.outputs), tensors[network.layers[-1].name][0].ravel())
