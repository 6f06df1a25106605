"""Random fused groups and their mappings."""

from __future__ import annotations

from hypothesis import assume
from hypothesis import strategies as st

from lw3dsim.base.values import replace
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import (
    Activation,
    Add,
    BatchNorm,
    Conv3d,
    Gate,
    Mul,
    Pad,
    Pool3d,
    Shape,
    Slice,
    Trg,
    build_workload,
)  # fmt: skip
from lw3dsim.machine.problem import problem_of
from lw3dsim.map.group.search import enumerate_group
from lw3dsim.map.layer.price import Price
from lw3dsim.network import chains as chains_of
from lw3dsim.network.chains import can_stand
from lw3dsim.schedule.fused import build_group_schedule
from lw3dsim.transform.algorithms import candidates

SMALL = load_arch("edge_small", overrides=("buffers.ifmap_kib=3", "buffers.weight_kib=2", "buffers.ofmap_kib=3"))
# Intermediate tensors and outputs have more room than what is added to them.
ADDING = load_arch("edge_small", overrides=("buffers.ifmap_kib=2", "buffers.weight_kib=4", "buffers.ofmap_kib=16"))


KINDS = (
    "dense", "depthwise", "pool", "add", "residual", "trg", "batch_norm", "gate", "activation", "slice", "pad", "mul",
)  # fmt: skip


def chains():
    """A random small group, with its inputs, the algorithms that may run, and the clips of a batch."""
    return st.one_of(
        mixed_chains(), mixed_chains(), residual_chains(), branched_chains(), added_chains(), storing_chains(),
        leaving_chains(), fanned_chains(),
    )  # fmt: skip


@st.composite
def added_chains(draw):
    """The same of dense layers that make many channels of few, to which something from DRAM is added."""
    shape = Shape(
        draw(st.sampled_from([3, 8])), *(draw(st.integers(1, s)) for s in (3, 6)), draw(st.sampled_from([4, 8]))
    )
    inputs, layers, source, wide = {"x": shape}, [], "x", draw(st.sampled_from([24, 48, 64]))
    for i in range(draw(st.integers(1, 2))):
        windows = [draw(st.sampled_from([(1, 1, 1), (3, 1, 1), (1, 3, 3)])) for _ in range(draw(st.integers(1, 2)))]
        for j, window in enumerate(windows):
            channels = wide if j == len(windows) - 1 else 5
            layer = Conv3d(
                name=f"l{i}{j}", inputs=(source,), out_channels=channels, kernel=window,
                padding=tuple(k // 2 for k in window), bias=draw(st.booleans()),
            )  # fmt: skip
            layers.append(layer)
            source = layer.name
        inputs[f"side{i}"] = Shape(wide, *shape[1:])
        make = draw(st.sampled_from([Add, Mul]))
        layers.append(make(name=f"sum{i}", inputs=(source, f"side{i}")))
        source = f"sum{i}"
    if draw(st.booleans()):
        layers.append(Activation(name="last", inputs=(source,), activation="relu6"))
    return inputs, layers, draw(st.sampled_from(["direct", "hfa"])), draw(st.sampled_from([1, 1, 2]))


def storing_chains():
    """The same, of which some tensors between layers, which a dense layer reads next, are stored besides."""
    return storing(st.one_of(mixed_chains(), residual_chains(), branched_chains(), added_chains()))


def slicing_chains():
    """Those to which something from DRAM is added, with or without tensors that are stored besides."""
    return st.one_of(added_chains(), storing(added_chains()))


@st.composite
def storing(draw, chains_of_any):
    """Random chains of a strategy, each with some tensors that are stored besides."""
    chain = draw(chains_of_any)
    between = range(1, len(chain[1]))
    return *chain, draw(st.lists(st.sampled_from(between), min_size=1, max_size=3, unique=True).map(sorted))


@st.composite
def leaving_chains(draw):
    """Those with a branch that ends before it is added: what the branch makes is stored, and used by no other layer."""
    inputs, layers, policy, batch = draw(branched_chains())
    names = [layer.name for layer in layers]
    kept = layers[: draw(st.integers(names.index("second"), names.index("third") + 1))]
    return inputs, kept, policy, batch, [names.index("branch") + 1]


@st.composite
def fanned_chains(draw):
    """Those of several branches that begin with one tensor: each but the last is stored at its end, and used nowhere.

    They need not have the same sizes, nor look equally far.
    """
    shape = Shape(draw(st.sampled_from([3, 8])), *(draw(st.integers(1, s)) for s in (4, 9, 9)))
    layers, origin, ends = [], "x", []

    def grow(name, source, now, is_first):
        window = draw(st.sampled_from([(1, 1, 1), (3, 1, 1), (1, 3, 3), (3, 3, 3), (1, 2, 2)]))
        window = tuple(min(k, s) for k, s in zip(window, now.extent, strict=True))
        common = {
            "name": name, "inputs": (source,), "kernel": window,
            "stride": tuple(draw(st.integers(1, min(k, 2))) for k in window),
            "padding": tuple(draw(st.sampled_from([k // 2, k // 2, 0])) for k in window),
        }  # fmt: skip
        kind = "dense" if is_first else draw(st.sampled_from(["dense", "dense", "depthwise", "pool", "activation"]))
        if kind == "activation":
            layer = Activation(name=name, inputs=(source,), activation="relu6")
        elif kind == "pool":
            layer = Pool3d(mode="max", **common)
        else:
            channels = now.channels if kind == "depthwise" else draw(st.sampled_from([4, 6, 9]))
            groups = now.channels if kind == "depthwise" else 1
            layer = Conv3d(out_channels=channels, groups=groups, bias=draw(st.booleans()), **common)
        layers.append(layer)
        return layer.output_shape((now,))

    if draw(st.booleans()):
        shape_of_origin, origin = grow("before", "x", shape, is_first=False), "before"
    else:
        shape_of_origin = shape
    for branch in range(draw(st.integers(2, 3))):
        source, now = origin, shape_of_origin
        for i in range(draw(st.integers(1, 3))):
            now = grow(f"b{branch}{i}", source, now, is_first=i == 0)
            source = f"b{branch}{i}"
        ends.append(len(layers))
    return {"x": shape}, layers, draw(st.sampled_from(["direct", "hfa"])), draw(st.sampled_from([1, 1, 2])), ends[:-1]


@st.composite
def branched_chains(draw):
    """The same with a branch: what is added has come from the same tensor through a dense layer of its own."""
    shape = Shape(draw(st.sampled_from([3, 8])), *(draw(st.integers(1, s)) for s in (4, 8, 8)))
    stride, layers, source = tuple(draw(st.sampled_from([1, 1, 2])) for _ in range(3)), [], "x"

    def conv(name, source, channels, window, stride=(1, 1, 1), **others):
        padding = tuple(k // 2 for k in window)
        return Conv3d(
            name=name, inputs=(source,), out_channels=channels, kernel=window, stride=stride, padding=padding, **others
        )  # fmt: skip

    def window():
        return draw(st.sampled_from([(1, 1, 1), (3, 1, 1), (1, 3, 3), (3, 3, 3)]))

    if draw(st.booleans()):
        layers.append(conv("before", "x", draw(st.sampled_from([4, 6])), window()))
        source = "before"
    middle, wide = draw(st.sampled_from([4, 6, 9])), draw(st.sampled_from([8, 12]))
    layers.append(
        conv(
            "branch",
            source,
            wide,
            draw(st.sampled_from([(1, 1, 1), tuple(2 * s - 1 for s in stride)])),
            stride,
            bias=draw(st.booleans()),
        )
    )
    first = conv(
        "first", source, middle, tuple(max(k, 2 * s - 1) for k, s in zip(window(), stride, strict=True)), stride
    )
    layers.append(first)
    is_depthwise = draw(st.booleans())
    layers.append(conv("second", "first", middle, window(), groups=middle if is_depthwise else 1, activation="relu"))
    layers.append(conv("third", "second", wide, (1, 1, 1)))
    layers.append(Add(name="sum", inputs=("third", "branch"), activation="relu"))
    if draw(st.booleans()):
        layers.append(conv("behind", "sum", 5, window()))
    return {"x": shape}, layers, draw(st.sampled_from(["direct", "hfa"])), draw(st.sampled_from([1, 1, 2]))


@st.composite
def residual_chains(draw):
    """The same of layers that keep their shape, some of which add or multiply what earlier ones have made."""
    shape = Shape(draw(st.sampled_from([3, 8])), *(draw(st.integers(1, s)) for s in (4, 8, 8)))
    channels, layers, waiting = draw(st.sampled_from([4, 8, 12])), [], []
    for i in range(draw(st.integers(3, 6))):
        name, source, is_dense = f"l{i}", f"l{i - 1}" if i else "x", i < 2 or draw(st.integers(0, 2)) == 0
        if waiting and draw(st.integers(0, 2)) > 0:
            make = draw(st.sampled_from([Add, Add, Mul]))
            layers.append(make(name=name, inputs=(source, draw(st.sampled_from(waiting)))))
            continue
        window = draw(st.sampled_from([(1, 1, 1), (3, 1, 1), (1, 3, 3), (3, 3, 3), (1, 5, 1)]))
        layers.append(
            Conv3d(
                name=name, inputs=(source,), out_channels=channels, kernel=window,
                padding=tuple(k // 2 for k in window), groups=1 if is_dense else channels, bias=draw(st.booleans()),
                activation=draw(st.sampled_from(["none", "relu"])),
            )
        )  # fmt: skip
        if is_dense and i:
            waiting.append(source)
    if draw(st.booleans()):
        source, stride = layers[-1].name, (1, draw(st.integers(1, min(2, shape.height))), 1)
        layers.append(Pool3d(name="last", inputs=(source,), mode="max", kernel=stride, stride=stride))
    return {"x": shape}, layers, draw(st.sampled_from(["direct", "hfa"])), draw(st.sampled_from([1, 1, 2]))


@st.composite
def mixed_chains(draw):
    """A random small group of 2 to 4 layers, with its inputs, the algorithms that may run, and the clips of a batch."""
    shape = Shape(draw(st.sampled_from([3, 8, 16, 24])), *(draw(st.integers(2, s)) for s in (5, 12, 12)))
    layers, given_shapes, inputs = [], {"x": shape}, {"x": shape}
    now, keeps_shape = shape, draw(st.booleans())
    for i in range(draw(st.integers(2, 4))):
        name, source = f"l{i}", f"l{i - 1}" if i else "x"
        kind = draw(st.sampled_from(KINDS))
        window = draw(st.sampled_from([(1, 1, 1), (3, 1, 1), (1, 3, 3), (3, 3, 3), (1, 2, 2)]))
        window = tuple(min(k, s) for k, s in zip(window, now.extent, strict=True))
        stride = tuple(draw(st.integers(1, min(k, 2))) for k in window)
        padding = tuple(draw(st.integers(0, k // 2)) for k in window)
        if keeps_shape:
            window = tuple(1 if k == 2 else k for k in window)
            stride, padding = (1, 1, 1), tuple(k // 2 for k in window)
        else:
            padding = tuple(draw(st.sampled_from([p, (0, p), (p, 0)])) for p in padding)
        function = draw(st.sampled_from(["none", "relu", "swish"]))
        if kind == "pool":
            layer = Pool3d(
                name=name, inputs=(source,), mode=draw(st.sampled_from(["max", "avg"])), kernel=window, stride=stride,
                padding=padding, ceil_mode=draw(st.booleans()), count_include_pad=draw(st.booleans()),
            )  # fmt: skip
        elif kind == "trg":
            layer = Trg(name=name, inputs=(source,))
        elif kind == "batch_norm":
            layer = BatchNorm(name=name, inputs=(source,), activation=function)
        elif kind == "gate":
            inputs[f"gate{i}"] = given_shapes[f"gate{i}"] = Shape(now.channels, 1, 1, 1)
            layer = Gate(name=name, inputs=(source, f"gate{i}"), activation=function)
        elif kind == "activation":
            layer = Activation(name=name, inputs=(source,), activation=draw(st.sampled_from(["relu6", "sigmoid"])))
        elif kind == "slice" and not keeps_shape:
            first = draw(st.integers(0, now.height - 1))
            stop = draw(st.integers(first + 1, now.height))
            layer = Slice(name=name, inputs=(source,), dim="height", start=first, stop=stop)
        elif kind == "pad" and not keeps_shape:
            layer = Pad(name=name, inputs=(source,), padding=(draw(st.integers(0, 1)), (0, 2), 1))
        elif kind in ("add", "mul") and i:
            inputs[f"side{i}"] = given_shapes[f"side{i}"] = now
            sum_or_product = {"add": Add, "mul": Mul}[kind]
            layer = sum_or_product(name=name, inputs=tuple(draw(st.permutations([source, f"side{i}"]))))
        elif kind == "residual" and i and now == shape and not any("x" in x.inputs for x in layers[1:]):
            layer = Add(name=name, inputs=(source, "x"))
        else:
            depthwise = kind == "depthwise"
            out = now.channels if depthwise or keeps_shape else draw(st.sampled_from([4, 8, 20]))
            layer = Conv3d(
                name=name, inputs=(source,), out_channels=out, kernel=window, stride=stride, padding=padding,
                groups=now.channels if depthwise else 1, bias=draw(st.booleans()), activation=function,
            )  # fmt: skip
        now = layer.output_shape(tuple(given_shapes[x] for x in layer.inputs))
        given_shapes[name] = now
        layers.append(layer)
    # Factors that every clip has of its own are not fused.
    batch = draw(st.sampled_from([1, 1, 2, 3])) if not any(isinstance(layer, Gate) for layer in layers) else 1
    return inputs, layers, draw(st.sampled_from(["direct", "hfa"])), batch


def fusable(chain, arch=SMALL):
    """The group of a random chain."""
    group = group_of(chain, arch)
    # Of a slice that leaves padding alone nothing before is needed.
    assume(all(can_stand(network_of(chain).layers, group.stages, i) for i in range(len(group.stages))))
    assume(all(group.needed))
    return group


def network_of(chain):
    """The network of a random chain."""
    inputs, layers, _, batch, *_ = chain
    return replace(build_workload(name="chain", inputs=inputs, layers=layers), batch=batch)


def group_of(chain, arch=SMALL):
    """All layers of a chain as a group."""
    policy, network = chain[2], network_of(chain)
    problems = tuple(problem_of(network, layer, candidates(layer, policy, 2, 2)[0], arch) for layer in network.layers)
    between = chain[4] if len(chain) > 4 else ()
    stored = tuple(tensor for tensor in between if problems[tensor].structure == "dense")
    return chains_of.group_of(network.layers, problems, stored=stored)


def any_mapping(group, data, arch=SMALL, *, warm_up=False, sliced=False):
    """A random candidate with its predicted cost and its schedule.

    With ``warm_up`` one whose tiles do, ``sliced`` one whose operands are.
    """
    clocks = make_clocks(arch)
    found = enumerate_group(group, arch, clocks, Price(cycle=1.0, dram_byte=0.0))
    asked = range(len(found)) if warm_up or sliced else ()
    mappings = [found.mapping(i) for i in asked]
    numbers = [i for i in asked if mappings[i].warm_up >= warm_up and mappings[i].sliced >= sliced]
    numbers = numbers if warm_up or sliced else range(len(found))
    assume(numbers)
    costs = found.costs
    i = numbers[data.draw(st.integers(0, 2**32 - 1)) * 2654435761 % 2**32 % len(numbers)]
    assume(costs.steps[i] < 5000)
    mapping = found.mapping(i)
    return mapping, build_group_schedule(group, mapping, arch, clocks), int(costs.bursts[i]), int(costs.steps[i])
