"""Random small networks that are valid, as the tree of a workload file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

Shape = tuple[int, int, int, int]


class _Graph:
    """Layers so far, and the shape (C, T, H, W) of every tensor."""

    def __init__(self, rng: Random, inputs: dict[str, Shape]) -> None:
        self.rng = rng
        self.shapes: dict[str, Shape] = dict(inputs)
        self.unread = list(inputs)
        self.last = next(reversed(inputs))
        self.layers: list[dict[str, Any]] = []

    def add(self, kind: str, sources: list[str], shape: Shape, **fields: Any) -> None:
        """Append a layer; name its inputs only where it must, or by chance."""
        name = f"l{len(self.layers)}"
        layer: dict[str, Any] = {"name": name, "kind": kind}
        if sources != [self.last] or self.rng.randrange(6) == 0:
            layer["inputs"] = sources if len(sources) > 1 else sources[0]
        self.layers.append(layer | fields)
        self.shapes[name] = shape
        self.unread = [source for source in self.unread if source not in sources]
        self.last = name

    def source(self) -> str:
        """Return an input that nobody has read yet, or mostly the tensor before."""
        if self.unread:
            return self.unread[0]
        return self.last if self.rng.randrange(4) else self.rng.choice(sorted(self.shapes))


def network(rng: Random, most: int = 6, widest: int = 24) -> dict[str, Any]:
    """Return a workload of up to ``most`` layers and about ``widest`` channels and pixels a side."""
    inputs = {"clip": _shape(rng, widest)}
    entries: dict[str, Any] = {"clip": _input(rng, inputs["clip"])}
    if rng.randrange(6) == 0:
        stride = rng.randint(1, inputs["clip"][1])
        entries["slow"] = {"sample_of": "clip", "frame_stride": stride}
        inputs["slow"] = (inputs["clip"][0], inputs["clip"][1] // stride, *inputs["clip"][2:])
    elif rng.randrange(8) == 0:
        inputs["flow"] = _shape(rng, widest)
        entries["flow"] = _input(rng, inputs["flow"])
    graph = _Graph(rng, inputs)
    for _ in range(max(rng.randint(1, most), len(inputs))):
        rng.choice(LAYERS)(graph)
    tree: dict[str, Any] = {"name": rng.choice(["net", "n", "\u5c42", "a b", "x-y.z"]), "inputs": entries}
    if rng.randrange(5) == 0:
        tree["parameters"] = {"classes": 5}
        graph.layers.append({"name": "head", "kind": "linear", "out_features": "$classes"})
    tree["layers"] = graph.layers
    if rng.randrange(8) == 0:
        _into_block(rng, tree)
    return tree


def _shape(rng: Random, widest: int) -> Shape:
    channels = rng.choice([1, 2, 3, 4, 8, 16, rng.randint(1, widest)])
    return channels, rng.randint(1, 8), rng.randint(1, widest), rng.choice([1, 4, 7, 8, rng.randint(1, widest)])


def _input(rng: Random, shape: Shape) -> dict[str, Any]:
    entry: dict[str, Any] = dict(zip(("channels", "frames", "height", "width"), shape, strict=True))
    return entry | ({"density": round(rng.random(), 2)} if rng.randrange(8) == 0 else {})


def _into_block(rng: Random, tree: dict[str, Any]) -> None:
    """Write a convolution that keeps its shape once, in a block, and use it some times at the end."""
    tree["blocks"] = {
        "unit": {
            "parameters": ["n"],
            "layers": [
                {"name": "a", "kind": "conv3d", "out_channels": "$n", "kernel": [3, 1, 1], "padding": [1, 0, 0]},
                {"name": "b", "kind": "conv3d", "out_channels": "$n", "kernel": [1, 1, 1], "inputs": "input"},
                {"name": "sum", "kind": "add", "inputs": ["a", "b"]},
            ],
        }
    }
    tree["layers"] = [*tree["layers"], {"name": "u", "block": "unit", "repeat": rng.randint(1, 3), "with": {"n": 4}}]


def _windows(rng: Random, shape: Shape, dilated: bool) -> tuple[list[int], list[int], list[int], list[int], list[int]]:
    """Return kernel, stride, padding and dilation that fit, and the output's extent."""
    columns = []
    for size in shape[1:]:
        kernel = rng.choice([1, 1, 2, 3, 3, 3, 5, 7])
        dilation = rng.choice([1, 1, 1, 2, 3]) if dilated else 1
        stride = rng.choice([1, 1, 1, 2, 3, 4])
        reach = (kernel - 1) * dilation + 1
        most = kernel // 2 if not dilated else kernel
        padding = rng.choice([min(reach // 2, most), rng.randint(0, most)])
        if reach > size + 2 * padding:
            kernel, reach, dilation, padding = 1, 1, 1, 0
        columns.append((kernel, stride, padding, dilation, (size + 2 * padding - reach) // stride + 1))
    kernel_, stride_, padding_, dilation_, out = (list(part) for part in zip(*columns, strict=True))
    return kernel_, stride_, padding_, dilation_, out


def _some(rng: Random, **fields: Any) -> dict[str, Any]:
    return {key: item for key, item in fields.items() if rng.randrange(3) == 0}


def _conv(graph: _Graph) -> None:
    rng, source = graph.rng, graph.source()
    shape = graph.shapes[source]
    kernel, stride, padding, dilation, out = _windows(rng, shape, dilated=True)
    divisors = [n for n in range(1, shape[0] + 1) if shape[0] % n == 0]
    groups = rng.choice([1, 1, shape[0], rng.choice(divisors)])
    channels = groups * rng.choice([1, 1, 2, 3]) if groups > 1 else rng.choice([1, 3, 8, 16, rng.randint(1, 32)])
    more = {"stride": stride, "padding": padding, "dilation": dilation}
    fields = {key: item for key, item in more.items() if len(set(item)) > 1 or item[0] != (key != "padding")}
    fields |= {"groups": groups} if groups > 1 else {}
    fields |= _some(rng, bias=True, batch_norm=True, activation="relu", weight_density=0.5, density=0.25)
    graph.add("conv3d", [source], (channels, *out), out_channels=channels, kernel=kernel, **fields)  # type: ignore[arg-type]


def _pool(graph: _Graph) -> None:
    rng, source = graph.rng, graph.source()
    shape = graph.shapes[source]
    if rng.randrange(5) == 0:
        graph.add("pool3d", [source], (shape[0], 1, 1, 1), mode=rng.choice(["max", "avg"]), kernel="global")
        return
    kernel, stride, padding, _, out = _windows(rng, shape, dilated=False)
    fields: dict[str, Any] = {
        "mode": rng.choice(["max", "avg"]),
        "kernel": kernel,
        "stride": stride,
        "padding": padding,
    }
    graph.add("pool3d", [source], (shape[0], *out), **fields)  # type: ignore[arg-type]


def _add(graph: _Graph) -> None:
    source = graph.source()
    same = [name for name, shape in sorted(graph.shapes.items()) if shape == graph.shapes[source]]
    others = [graph.rng.choice(same) for _ in range(graph.rng.choice([1, 1, 2]))]
    graph.add("add", [source, *others], graph.shapes[source], **_some(graph.rng, activation="relu"))


def _concat(graph: _Graph) -> None:
    source = graph.source()
    fits = [name for name, shape in sorted(graph.shapes.items()) if shape[1:] == graph.shapes[source][1:]]
    sources = [source, *(graph.rng.choice(fits) for _ in range(graph.rng.choice([1, 1, 2])))]
    channels = sum(graph.shapes[name][0] for name in sources)
    graph.add("concat", sources, (channels, *graph.shapes[source][1:]))


def _plain(kind: str) -> Any:
    def append(graph: _Graph) -> None:
        source = graph.source()
        graph.add(kind, [source], graph.shapes[source])

    return append


def _linear(graph: _Graph) -> None:
    rng, source = graph.rng, graph.source()
    features = rng.choice([1, 5, 16, rng.randint(1, 64)])
    graph.add(
        "linear", [source], (features, 1, 1, 1), out_features=features, **_some(rng, bias=False, activation="relu")
    )


LAYERS = (_conv, _conv, _conv, _conv, _pool, _add, _concat, _plain("trg"), _plain("activation"), _linear)
