"""Modules of PyTorch come in as what runs, or are refused in a sentence."""

import copy
import warnings

import numpy as np
import pytest

import lw3dsim
from lw3dsim import InputError, from_torch

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch_rows import hooked, rows_of  # noqa: E402

CLIP = (1, 3, 4, 8, 8)

VISION = {
    "r3d_18": ((3, 16, 112, 112),),
    "mc3_18": ((3, 16, 112, 112),),
    "r2plus1d_18": ((3, 16, 112, 112),),
    "s3d": ((3, 16, 224, 224),),
}
VIDEO = {
    "x3d_s": ((3, 13, 160, 160),),
    "slow_r50": ((3, 8, 224, 224),),
    "i3d_r50": ((3, 8, 224, 224),),
    "csn_r101": ((3, 32, 224, 224),),
    "slowfast_r50": ((3, 8, 224, 224), (3, 32, 224, 224)),
}


def clips(shapes):
    """One clip, or a list of them as SlowFast takes it, without a value."""
    tensors = [torch.empty(1, *shape, device="meta") for shape in shapes]
    return tensors[0] if len(tensors) == 1 else tensors


def check_rows(module, inputs):
    network = from_torch(module, inputs)
    assert rows_of(network) == hooked(module, inputs)
    assert sum(map(network.layer_params, network.layers)) == sum(each.numel() for each in module.parameters())
    paths = dict(module.named_modules())
    assert all(layer.name in paths for layer in network.layers if layer.kind == "conv3d")


@pytest.mark.parametrize("name", VISION)
def test_a_network_of_torchvision_is_what_its_hooks_see(name):
    video = pytest.importorskip("torchvision.models.video")
    with torch.device("meta"):
        module = getattr(video, name)()
    check_rows(module, clips(VISION[name]))


@pytest.mark.parametrize("name", VIDEO)
def test_a_network_of_pytorchvideo_is_what_its_hooks_see(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a package that is no longer kept
        hub = pytest.importorskip("pytorchvideo.models.hub")
    with torch.device("meta"):
        module = getattr(hub, name)()
    check_rows(module, clips(VIDEO[name]))


def test_a_video_swin_is_what_its_hooks_see():
    video = pytest.importorskip("torchvision.models.video")
    with torch.device("meta"):
        module = video.swin3d_t()
    network = from_torch(module, clips(((3, 8, 64, 64),)))
    assert sum(layer.kind == "matmul" for layer in network.layers) == 24


class Excited(nn.Module):
    """Squeeze and excitation, a swish by hand, a shortcut, two inputs, a list: forms that blocks come in."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv3d(3, 8, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1), bias=False)
        self.norm = nn.BatchNorm3d(8)
        self.deep = nn.Conv3d(8, 8, 3, padding="same", groups=8)
        self.squeeze = nn.Conv3d(8, 4, 1)
        self.excite = nn.Conv3d(4, 8, 1)
        self.lateral = nn.Conv3d(3, 8, 1)
        self.head = nn.Linear(16, 5)

    def forward(self, clips, flow):
        stem = functional.relu_(self.norm(self.stem(clips[0])))
        deep = self.deep(stem)
        gate = torch.sigmoid(self.excite(functional.relu(self.squeeze(deep.mean((2, 3, 4), keepdim=True)))))
        gated = deep * gate.expand_as(deep)
        swish = gated * gated.sigmoid()
        joined = torch.cat([stem + swish, functional.max_pool3d(self.lateral(flow), (1, 2, 2))], 1)
        pooled = functional.adaptive_avg_pool3d(functional.dropout(joined, 0.5, self.training), 1)
        return functional.softmax(self.head(pooled.permute(0, 2, 3, 4, 1)), -1).flatten(1)


def excited():
    return from_torch(Excited(), [torch.zeros(CLIP)], flow=torch.zeros(CLIP))


def test_what_blocks_are_made_of_comes_in():
    network = excited()
    assert [(layer.name, layer.kind) for layer in network.layers] == [
        ("stem", "conv3d"), ("deep", "conv3d"), ("mean", "pool3d"), ("squeeze", "conv3d"), ("excite", "conv3d"),
        ("mul", "gate"), ("add", "add"), ("lateral", "conv3d"), ("max_pool3d", "pool3d"), ("cat", "concat"),
        ("adaptive_avg_pool3d", "pool3d"), ("head", "linear"), ("softmax", "softmax"),
    ]  # fmt: skip
    by_name = {layer.name: layer for layer in network.layers}
    assert (by_name["stem"].batch_norm, by_name["stem"].activation) == (True, "relu")
    assert by_name["excite"].activation == "sigmoid"
    assert list(network.inputs) == ["clips_0", "flow"]
    assert lw3dsim.execute(network, algorithm="auto", fusion="auto").exact


def plain(*parts):
    return nn.Sequential(nn.Conv3d(3, 4, 3, padding=1), *parts)


@pytest.mark.parametrize(
    ("part", "kind", "keys"),
    [
        (nn.ReLU6(), "conv3d", {"activation": "relu6"}),
        (nn.Hardtanh(0, 6), "conv3d", {"activation": "relu6"}),
        (nn.SiLU(), "conv3d", {"activation": "swish"}),
        (nn.Hardswish(), "conv3d", {"activation": "hard_swish"}),
        (nn.Hardsigmoid(), "conv3d", {"activation": "hard_sigmoid"}),
        (nn.GELU(), "conv3d", {"activation": "gelu"}),
        (nn.Identity(), "conv3d", {"activation": "none"}),
        (nn.Dropout3d(0.3), "conv3d", {"activation": "none"}),
        (nn.AdaptiveAvgPool3d(1), "pool3d", {"kernel": "global", "mode": "avg"}),
        (nn.AdaptiveAvgPool3d((2, 4, 8)), "pool3d", {"kernel": (2, 2, 1), "stride": (2, 2, 1)}),
        (nn.AdaptiveMaxPool3d((None, 1, 1)), "pool3d", {"kernel": (1, 8, 8), "mode": "max"}),
        (nn.MaxPool3d((1, 3, 3), 2, (0, 1, 1), ceil_mode=True), "pool3d", {"ceil_mode": True, "padding": (0, 1, 1)}),
        (nn.AvgPool3d(3, 2, 1, count_include_pad=False), "pool3d", {"count_include_pad": False}),
        (nn.ConstantPad3d((0, 1, 2, 0, 0, 0), 0.0), "pad", {"padding": (0, (2, 0), (0, 1))}),
        (nn.Softmax(1), "softmax", {}),
        (nn.Sequential(nn.Flatten(), nn.Linear(1024, 5)), "linear", {"out_features": 5}),
        (nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.BatchNorm1d(4)), "batch_norm", {}),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, nn.Module) else None,
)
def test_a_part_is_what_it_does(part, kind, keys):
    network = from_torch(plain(part), torch.zeros(CLIP))
    last = network.layers[-1]
    assert (last.kind, {key: getattr(last, key) for key in keys}) == (kind, keys)
    with torch.no_grad():
        made = plain(part).eval()(torch.zeros(CLIP))
    assert network.shapes[last.name].elements == made.numel()


class Called(nn.Module):
    """A module that does what a function does."""

    def __init__(self, function):
        super().__init__()
        self.conv, self.function = nn.Conv3d(3, 4, 1), function
        self.scale = nn.Parameter(torch.ones(4, 1, 1, 1))

    def forward(self, x):
        return self.function(self, x)


def kinds(function, size=CLIP):
    return [layer.kind for layer in from_torch(Called(function), torch.zeros(size)).layers]


def test_arithmetic_with_weights_is_part_of_a_layer_or_one_of_its_own():
    assert kinds(lambda m, x: m.conv(x) * m.scale) == ["conv3d"]
    assert kinds(lambda m, x: functional.relu(m.conv(x)) * m.scale + 1) == ["conv3d", "batch_norm"]
    assert kinds(lambda m, x: m.conv(x) + torch.arange(4.0).view(1, 4, 1, 1, 1)) == ["conv3d"]
    assert kinds(lambda m, x: functional.conv3d(x, m.conv.weight * m.scale[:, None])) == ["conv3d"]


def test_tensors_are_cut_and_joined():
    assert kinds(lambda m, x: torch.cat(m.conv(x).chunk(2, 1)[::-1], 1)) == ["conv3d", "slice", "slice", "concat"]
    assert kinds(lambda m, x: m.conv(x).split([1, 3], 1)[1]) == ["conv3d", "slice"]
    assert kinds(lambda m, x: m.conv(x)[:, :, ::2]) == ["conv3d", "slice"]
    assert kinds(lambda m, x: m.conv(x).select(2, -1)) == ["conv3d", "slice"]
    assert kinds(lambda m, x: m.conv(x).index_select(2, torch.tensor([0, 2]))) == ["conv3d", "slice"]
    assert kinds(lambda m, x: m.conv(x).unbind(2)[1]) == ["conv3d", "slice"]


def test_what_is_changed_in_place_is_read_as_it_is_then():
    def added(module, x):
        made = module.conv(x)
        functional.relu_(made)
        return made.add_(made)

    network = from_torch(Called(added), torch.zeros(CLIP))
    conv, add = network.layers
    assert conv.activation == "relu"
    assert add.inputs == (conv.name, conv.name)

    def hidden(module, x):
        made = module.conv(x)
        part = made[:, :2]
        functional.relu_(made)
        return part

    with pytest.raises(InputError, match=r"aten\.relu_.*changes a part of a tensor in place that is read later"):
        from_torch(Called(hidden), torch.zeros(CLIP))

    def written(module, x):
        made = module.conv(x)
        made[:, :2] = 0
        return made

    with pytest.raises(InputError, match=r"aten\.fill_"):
        from_torch(Called(written), torch.zeros(CLIP))


def test_images_and_signals_have_one_frame_and_one_pixel():
    image = from_torch(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2)), torch.zeros(1, 3, 8, 8))
    assert (image.layers[0].kernel, image.shapes["1"]) == ((1, 3, 3), (4, 1, 4, 4))
    signal = from_torch(nn.Sequential(nn.Conv1d(3, 4, 3), nn.ReLU()), torch.zeros(1, 3, 8))
    assert (signal.layers[0].kernel, signal.shapes["0"]) == ((3, 1, 1), (4, 6, 1, 1))


def test_a_module_is_left_as_it_was():
    module = plain(nn.BatchNorm3d(4), nn.Dropout(), nn.ReLU())
    module[2].eval()
    before, state = [part.training for part in module.modules()], copy.deepcopy(module.state_dict())
    network = from_torch(module, torch.zeros(CLIP))
    assert [part.training for part in module.modules()] == before
    assert all(torch.equal(state[name], tensor) for name, tensor in module.state_dict().items())
    assert [layer.kind for layer in network.layers] == ["conv3d"]


def test_weights_need_not_be_there():
    from torch._subclasses.fake_tensor import FakeTensorMode

    with torch.device("meta"):
        empty = plain(nn.ReLU())
    with FakeTensorMode():
        fake = plain(nn.ReLU())
    networks = [from_torch(module, torch.zeros(CLIP)) for module in (plain(nn.ReLU()), empty, fake)]
    assert networks[0] == networks[1] == networks[2]


def test_a_module_that_is_called_twice_is_two_layers():
    network = from_torch(Called(lambda m, x: m.conv(torch.cat([m.conv(x), m.conv(x)], 1)[:, :3])), torch.zeros(CLIP))
    assert [layer.name for layer in network.layers if layer.kind == "conv3d"] == ["conv", "conv_2", "conv_3"]


@pytest.mark.parametrize(
    ("function", "size", "words"),
    [
        (lambda m, x: m.conv(x).cumprod(1), CLIP, r"^Called: node aten\.cumprod of 1x4x4x8x8: this operator is not"),
        (lambda m, x: m.conv(x), (2, *CLIP[1:]), "input x is 2x3x4x8x8; give an example of one clip"),
        (lambda m, x: m.conv(x) if x.sum() > 0 else x, CLIP, "torch.export can't trace it .* no branch depend"),
        (lambda m, x: functional.dropout(m.conv(x)), CLIP, "drops elements in evaluation as well"),
        (lambda _, x: functional.adaptive_avg_pool3d(x, 3), CLIP, r"aten\.adaptive_avg_pool3d.*several sizes"),
        (lambda _, x: functional.batch_norm(x, None, None, training=True), CLIP, "figures of its own batch"),
        (lambda m, x: torch.add(m.conv(x), x[:, :1], alpha=2), CLIP, "scales its second operand"),
        (lambda m, x: m.conv(x).expand(1, 4, 4, 8, 8).mean((0, 1)), CLIP, "reduces the channels"),
        (lambda m, x: functional.pad(m.conv(x), [1] * 6, mode="reflect"), CLIP, "pads with other values than zeros"),
        (lambda _, x: functional.avg_pool3d(x, 2, divisor_override=3), CLIP, "divides by another number"),
        (lambda m, x: m.conv(x), (3, 4, 8, 8), "input x is 3x4x8x8; give an example of one clip"),
    ],
    ids=range(11),
)  # fmt: skip
def test_what_is_not_taken_is_said_in_a_sentence(function, size, words):
    with pytest.raises(InputError, match=words) as caught:
        from_torch(Called(function), torch.zeros(size))
    assert "\n" not in str(caught.value)


def test_a_module_stands_where_a_workload_does():
    module, clip = plain(nn.ReLU(), nn.AdaptiveAvgPool3d(1)), torch.zeros(CLIP)
    network = from_torch(module, clip)
    assert lw3dsim.simulate(module, example_inputs=clip).record == lw3dsim.simulate(network).record
    by_name = lw3dsim.simulate(module, example_inputs={"input": clip})
    assert by_name.totals == lw3dsim.simulate(network).totals
    assert lw3dsim.execute(module, example_inputs=[clip]).exact
    assert lw3dsim.explain(module, example_inputs=clip).base.totals == by_name.totals
    assert lw3dsim.map_workload(module, example_inputs=clip) == lw3dsim.map_workload(network)
    assert lw3dsim.compare(module, example_inputs=clip).rows() == lw3dsim.compare(network).rows()


def test_what_a_module_is_called_with_is_asked_for():
    with pytest.raises(InputError, match="Sequential: a module needs the inputs that it is called with"):
        lw3dsim.simulate(plain())
    with pytest.raises(InputError, match=r"example_inputs.*only a torch\.nn\.Module has any"):
        lw3dsim.simulate("c3d", example_inputs=torch.zeros(CLIP))
    with pytest.raises(InputError, match=r"module = .*expected a torch\.nn\.Module"):
        from_torch("c3d")
    with pytest.raises(InputError, match="resizes a workload that is given by name or file"):
        lw3dsim.simulate(plain(), example_inputs=torch.zeros(CLIP), input_size="4x4x4")


def test_execute_computes_with_the_weights_of_the_module():
    torch.manual_seed(1)
    module = Excited().double().eval()
    module.norm.running_mean.normal_()
    module.norm.running_var.uniform_(0.5, 2)
    clips = {name: torch.randn(CLIP, dtype=torch.float64) for name in ("clips_0", "flow")}
    with torch.no_grad():
        expected = module([clips["clips_0"]], clips["flow"]).numpy()
    arrays = {name: clip[0].numpy() for name, clip in clips.items()}
    for how in ({}, {"algorithm": "hfa", "fusion": "auto"}):
        examples = {"clips": [clips["clips_0"]], "flow": clips["flow"]}
        result = lw3dsim.execute(module, example_inputs=examples, inputs=arrays, dtype="float64", **how)
        (made,) = result.outputs.values()
        np.testing.assert_allclose(made.ravel(), expected.ravel(), rtol=1e-6)


def test_weights_that_are_computed_are_those_of_the_module():
    module = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv3d(3, 5, 3)), nn.Flatten(), nn.Linear(360, 7))
    clip = torch.randn(CLIP)
    with torch.no_grad():
        expected = module(clip).numpy()
    result = lw3dsim.execute(module, example_inputs=clip, inputs={"input": clip[0].numpy()}, dtype="float64")
    (made,) = result.outputs.values()
    np.testing.assert_allclose(made.ravel(), expected.ravel(), rtol=1e-4, atol=1e-5)


def test_transposed_convolutions_and_upsampling_come_in():
    module = nn.Sequential(
        nn.ConvTranspose3d(3, 4, 4, stride=2, padding=1),
        nn.Upsample(scale_factor=2),
        nn.Upsample(scale_factor=(1, 2, 2), mode="trilinear"),
    )
    network = from_torch(module, torch.zeros(CLIP))
    assert [layer.kind for layer in network.layers] == ["conv_transpose3d", "upsample", "upsample"]
    assert network.shapes["2"] == tuple(module(torch.zeros(CLIP)).shape[1:])


class Shifted(nn.Module):
    """Frames in a batch, and channels that are shifted in time by writes to parts of zeros, as TSM does."""

    def __init__(self, *, last):
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 8, 3, padding=1), last

    def forward(self, clip):
        frames = self.conv(clip.view(-1, 3, *clip.shape[-2:])).unsqueeze(0)
        out = torch.zeros_like(frames)
        out[:, :-1, :2] = frames[:, 1:, :2]
        out[:, 1:, 2:4] = frames[:, :-1, 2:4]
        out[:, :, 4:] = frames[:, :, 4:]
        if self.last:
            out[:, :, 5] = frames[:, :, 2]
        return out.flatten(2).mean(1)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_what_is_written_to_parts_of_a_tensor_is_joined(last):
    torch.manual_seed(0)
    module, clip = Shifted(last=last).eval(), torch.rand(1, 12, 4, 5)
    network = from_torch(module, clip)
    kinds = [layer.kind for layer in network.layers]
    assert last or kinds[:2] == ["conv3d", "temporal_shift"]
    frames = clip[0].view(4, 3, 4, 5).transpose(0, 1).numpy()  # as the input is declared
    result = lw3dsim.execute(module, example_inputs=clip, dtype="float64", inputs={"clip": frames})
    (output,) = result.outputs.values()
    assert np.allclose(output.ravel(), module(clip).detach().numpy().ravel(), atol=1e-6)


class Attending(nn.Module):
    """A transformer's layer on tokens of a clip, in front of which a class stands."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv3d(3, 24, (2, 4, 4), (2, 4, 4))
        self.token, self.places = nn.Parameter(torch.randn(1, 1, 24)), nn.Parameter(torch.randn(1, 9, 24))
        self.norm, self.attention = nn.LayerNorm(24), nn.MultiheadAttention(24, 3, batch_first=True)
        self.grow, self.shrink = nn.Linear(24, 48), nn.Linear(48, 24)

    def forward(self, clip):
        tokens = self.patches(clip).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(tokens), -1, -1), tokens], 1) + self.places
        normed = self.norm(tokens)
        tokens = tokens + self.attention(normed, normed, normed, need_weights=False)[0]
        return (tokens + self.shrink(functional.gelu(self.grow(tokens))))[:, 0]


def test_a_transformer_computes_what_pytorch_does():
    torch.manual_seed(0)
    module, clip = Attending().eval(), torch.rand(1, 3, 4, 8, 8) - 0.5
    network = from_torch(module, clip)
    assert len(network.learned) == 2
    assert [layer.heads for layer in network.layers if layer.kind == "matmul"] == [3, 3]
    result = lw3dsim.execute(module, example_inputs=clip, dtype="float64", inputs={"clip": clip[0].numpy()})
    (output,) = result.outputs.values()
    with torch.no_grad():
        assert np.allclose(output.ravel(), module(clip).numpy().ravel(), atol=1e-5)
    again = from_torch(lw3dsim.to_torch(network), clip)
    assert [layer.kind for layer in again.layers] == [layer.kind for layer in network.layers]


@pytest.mark.parametrize("how", ["none", "causal", "bool", "float"])
def test_an_attention_with_a_constant_mask_computes_what_pytorch_does(how):
    class Masked(nn.Module):
        def forward(self, tokens):
            rows = tokens.shape[2]
            kept = torch.ones(rows, rows, dtype=torch.bool) if how == "none" else torch.eye(rows, dtype=torch.bool)
            mask = {"causal": None, "float": torch.zeros(rows, rows).masked_fill(~kept, -torch.inf)}.get(how, kept)
            return functional.scaled_dot_product_attention(tokens, tokens, tokens, mask, is_causal=how == "causal")

    tokens = torch.rand(1, 8, 5, 6)
    network = from_torch(Masked(), tokens)
    assert ("add" in [layer.kind for layer in network.layers]) is (how != "none")
    given = {name: tokens[0].numpy()[:, None] for name in network.inputs if name not in network.learned}
    given = {
        name: array.transpose(0, 2, 1, 3) if network.inputs[name][1] > 1 else array for name, array in given.items()
    }
    result = lw3dsim.execute(Masked(), example_inputs=tokens, dtype="float64", inputs=given)
    (output,) = result.outputs.values()
    wanted = Masked()(tokens).numpy()[0]
    assert np.allclose(np.sort(output.ravel()), np.sort(wanted.ravel()), atol=1e-6)
