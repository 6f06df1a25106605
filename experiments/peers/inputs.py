"""The same work and the same machine, written down for every tool.

YAML files are written as JSON, which YAML contains, so that no tool's
environment needs a YAML writer.
"""

from __future__ import annotations

import configparser
import csv
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

ROWS = COLS = 16
IFMAP_KIB, WEIGHT_KIB, OFMAP_KIB = 192, 192, 128
CLOCK_MHZ = 500
DRAM_GBPS = 12.8
PORT_BITS = 128  # of an SRAM for operands in ZigZag: one byte per row or column of the array and cycle
SUM_BITS = 24  # of a partial sum in ZigZag
KERNEL = 3  # in every dimension of every convolution of C3D


@dataclass(frozen=True, kw_only=True)
class Conv:
    """A convolution with unit stride; ``padding`` keeps the size of the dimensions in which it is half the kernel."""

    name: str
    in_channels: int
    out_channels: int
    size: tuple[int, int, int]  # of the input, (T, H, W)
    kernel: tuple[int, int, int] = (KERNEL,) * 3
    padding: tuple[int, int, int] = (KERNEL // 2,) * 3

    @property
    def out_size(self) -> tuple[int, int, int]:
        """Size of the output, (T, H, W)."""
        t, h, w = (s + 2 * p - k + 1 for s, p, k in zip(self.size, self.padding, self.kernel, strict=True))
        return t, h, w

    @property
    def gemm(self) -> tuple[int, int, int]:
        """M output pixels, N output channels and K products per output."""
        (t, h, w), (kt, kh, kw) = self.out_size, self.kernel
        return t * h * w, self.out_channels, self.in_channels * kt * kh * kw

    @property
    def macs(self) -> int:
        """Multiplications of the direct algorithm; products with the padding count."""
        m, n, k = self.gemm
        return m * n * k

    def as_pointwise(self) -> Conv:
        """Return the same matrix product as a 1x1x1 convolution of gathered patches."""
        size, channels = self.out_size, self.gemm[2]
        unit = {"kernel": (1, 1, 1), "padding": (0, 0, 0)}
        return Conv(name=self.name, in_channels=channels, out_channels=self.out_channels, size=size, **unit)


def _c3d() -> tuple[Conv, ...]:
    rows = """
        conv1a   3  64 16 112 112
        conv2a  64 128 16  56  56
        conv3a 128 256  8  28  28
        conv3b 256 256  8  28  28
        conv4a 256 512  4  14  14
        conv4b 512 512  4  14  14
        conv5a 512 512  2   7   7
        conv5b 512 512  2   7   7
    """
    convs = []
    for name, *sizes in (row.split() for row in rows.strip().splitlines()):
        channels, filters, t, h, w = map(int, sizes)
        convs.append(Conv(name=name, in_channels=channels, out_channels=filters, size=(t, h, w)))
    return tuple(convs)


C3D = _c3d()
POINTWISE = {"kernel": (1, 1, 1), "padding": (0, 0, 0)}

# What is measured: layers by the name of the work. One frame of conv1a sees three frames of the clip.
WORK: dict[str, tuple[Conv, ...]] = {
    "gemm": (Conv(name="gemm", in_channels=432, out_channels=64, size=(1, 16, 32), **POINTWISE),),
    "conv1a_frame": (Conv(name="conv1a", in_channels=3, out_channels=64, size=(3, 112, 112), padding=(0, 1, 1)),),
    "c3d_gemm": tuple(conv.as_pointwise() for conv in C3D),
    "c3d_3d": C3D,
}

# What is run first, unmeasured, so that nobody pays for compiling, opening libraries or characterising memories.
WARM_UP = (
    Conv(name="dense", in_channels=24, out_channels=40, size=(4, 12, 20)),
    Conv(name="pointwise", in_channels=40, out_channels=24, size=(2, 6, 10), **POINTWISE),
)


def _dump(path: Path, data: object) -> None:
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def write_ours(folder: Path) -> None:
    """Write every work as a workload of lw3dsim whose layers read inputs of their own."""
    for name, layers in {**WORK, "warm_up": WARM_UP}.items():
        clips, convs = {}, []
        for layer in layers:
            clip = f"clip_{layer.name}"
            clips[clip] = dict(zip(("frames", "height", "width"), layer.size, strict=True), channels=layer.in_channels)
            geometry = {"kernel": layer.kernel, "padding": layer.padding, "out_channels": layer.out_channels}
            convs.append({"name": layer.name, "kind": "conv3d", "inputs": clip, **geometry})
        text = {"description": "what the peers run too", "source": "experiments/peers"}
        _dump(folder / f"{name}.yaml", {"name": name, **text, "inputs": clips, "layers": convs})


def our_overrides() -> list[str]:
    """Return the machine as changes of an accelerator of lw3dsim."""
    sizes = {"ifmap": IFMAP_KIB, "weight": WEIGHT_KIB, "ofmap": OFMAP_KIB}
    buffers = [f"buffers.{name}_kib={kib}" for name, kib in sizes.items()]
    return [
        f"pe.rows={ROWS}", f"pe.cols={COLS}", *buffers, f"clock_mhz={CLOCK_MHZ}", f"dram.bandwidth_gbps={DRAM_GBPS}",
    ]  # fmt: skip


def write_scalesim(folder: Path) -> None:
    """Write configuration, layout and topologies of SCALE-Sim: kernels are flat, frames of a patch are channels."""
    _write_scalesim_machine(folder / "machine.cfg")
    m, n, k = WORK["gemm"][0].gemm
    _write_topology(folder / "gemm.csv", ["M", "N", "K"], ["gemm", m, n, k])
    _write_topology(folder / "warm_up.csv", ["M", "N", "K"], ["gemm", 32, 32, 32])
    frame = WORK["conv1a_frame"][0]
    (kt, kh, kw), (_, ph, pw), (_, h, w) = frame.kernel, frame.padding, frame.size
    titles = ["IFMAP Height", "IFMAP Width", "Filter Height", "Filter Width", "Channels", "Num Filter", "Strides"]
    sizes = [h + 2 * ph, w + 2 * pw, kh, kw, kt * frame.in_channels, frame.out_channels, 1]
    _write_topology(folder / "conv1a_frame.csv", titles, [frame.name, *sizes])
    for name in ("gemm", "conv1a"):
        _write_topology(folder / f"{name}_layout.csv", [f"f{i}" for i in range(20)], [name, *[1] * 20])


def _write_topology(path: Path, titles: list[str], row: list[str | int]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["Layer name", *titles, ""])  # the last comma is part of the format
        writer.writerow([*row, ""])


def _write_scalesim_machine(path: Path) -> None:
    banks = {
        f"{kind}{key}": value
        for kind in ("Ifmap", "Filter")
        for key, value in (("CustomLayout", False), ("SRAMBankBandwidth", 4), ("SRAMBankNum", 1), ("SRAMBankPort", 2))
    }
    config = configparser.ConfigParser()
    config.read_dict(
        {
            "general": {"run_name": "run"},
            "architecture_presets": {
                "ArrayHeight": ROWS, "ArrayWidth": COLS, "Dataflow": "os",
                "IfmapSramSzkB": IFMAP_KIB, "FilterSramSzkB": WEIGHT_KIB, "OfmapSramSzkB": OFMAP_KIB,
                "IfmapOffset": 0, "FilterOffset": 100_000_000, "OfmapOffset": 200_000_000,
                "Bandwidth": 4, "MemoryBanks": 1, "ReadRequestBuffer": 32, "WriteRequestBuffer": 32,
            },
            "layout": banks,
            "sparsity": {"SparsitySupport": False},
            "run_presets": {"InterfaceBandwidth": "CALC", "UseRamulatorTrace": False},
        }
    )  # fmt: skip
    with path.open("w", encoding="utf-8") as file:
        config.write(file)


def write_zigzag(folder: Path) -> None:
    """Write accelerator, mapping and workloads of ZigZag: matrix products, and convolutions as they are."""
    _dump(folder / "machine.yaml", _zigzag_machine())
    links = {"O": "O", "W": "I2", "I": "I1"}
    spatial = {"D1": [f"K, {ROWS}"], "D2": [f"C, {COLS}"]}
    _dump(folder / "mapping.yaml", [{"name": "default", "spatial_mapping": spatial, "memory_operand_links": links}])
    _dump(folder / "c3d_gemm.yaml", [_zigzag_gemm(i, conv) for i, conv in enumerate(WORK["c3d_gemm"])])
    _dump(folder / "c3d_3d.yaml", [_zigzag_conv(i, conv) for i, conv in enumerate(WORK["c3d_3d"])])
    _dump(folder / "warm_up.yaml", [_zigzag_gemm(0, WARM_UP[1])])


def _zigzag_layer(number: int, conv: Conv, operator: str, equation: str, loops: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "name": conv.name,
        "operator_type": operator,
        "equation": equation,
        "dimension_relations": [],
        "loop_dims": list(loops),
        "loop_sizes": list(loops.values()),
        "operand_precision": {"W": 8, "I": 8, "O": SUM_BITS, "O_final": 8},
        "operand_source": {"W": number, "I": number},
    }


def _zigzag_gemm(number: int, conv: Conv) -> dict[str, Any]:
    m, n, k = conv.gemm
    return _zigzag_layer(number, conv, "Gemm", "O[d][k]+=I[d][c]*W[c][k]", {"K": n, "D": m, "C": k})


def _zigzag_conv(number: int, conv: Conv) -> dict[str, Any]:
    outputs = dict(zip(("OT", "OY", "OX"), conv.out_size, strict=True))
    taps = dict(zip(("FT", "FY", "FX"), conv.kernel, strict=True))
    loops = {"B": 1, "K": conv.out_channels, "C": conv.in_channels, **outputs, **taps}
    equation = "O[b][k][ot][oy][ox]+=W[k][c][ft][fy][fx]*I[b][c][it][iy][ix]"
    return _zigzag_layer(number, conv, "Conv", equation, loops) | {
        "dimension_relations": [f"i{a}=1*o{a}+1*f{a}" for a in "tyx"],
        "pr_loop_dims": ["IT", "IY", "IX"],
        "pr_loop_sizes": list(conv.size),
        "padding": [[p, p] for p in conv.padding],
    }


def _port(name: str, kind: str, bits: tuple[int, int], *serves: str) -> dict[str, Any]:
    return {"name": name, "type": kind, "bandwidth_min": bits[0], "bandwidth_max": bits[1], "allocation": list(serves)}


def _memory(bits: int, operands: list[str], dims: list[str], ports: list[Any], **more: Any) -> dict[str, Any]:
    costs = {"r_cost": 0, "w_cost": 0, "area": 0, "latency": 1}
    return {"size": bits, **costs, "operands": operands, "ports": ports, "served_dimensions": dims, **more}


def _operand_sram(kib: int, operand: str) -> dict[str, Any]:
    width = (8, PORT_BITS)
    ports = [_port("r_port_1", "read", width, f"{operand}, tl"), _port("w_port_1", "write", width, f"{operand}, fh")]
    return _memory(kib * 8192, [operand], ["D1", "D2"], ports, auto_cost_extraction=True, mem_type="sram")


def _zigzag_machine() -> dict[str, Any]:
    one, wide = (8, 8), (8, COLS * SUM_BITS)
    sums = (SUM_BITS, SUM_BITS)
    weight_ports = [_port("r_port_1", "read", one, "I2, tl"), _port("w_port_1", "write", one, "I2, fh")]
    sum_ports = [
        _port("r_port_1", "read", sums, "O, tl"), _port("r_port_2", "read", sums, "O, th"),
        _port("w_port_1", "write", sums, "O, fh"), _port("w_port_2", "write", sums, "O, fl"),
    ]  # fmt: skip
    out_ports = [
        _port("r_port_1", "read", wide, "O, tl", "O, th"), _port("w_port_1", "write", wide, "O, fh", "O, fl"),
    ]  # fmt: skip
    everything = [f"{op}, {way}" for op in ("I1", "I2") for way in ("fh", "tl")]
    everything += [f"O, {way}" for way in ("fh", "tl", "fl", "th")]
    dram_bits = int(DRAM_GBPS * 8000 / CLOCK_MHZ)
    dram = _memory(
        10**10, ["I1", "I2", "O"], ["D1", "D2"], [_port("rw_port_1", "read_write", (8, dram_bits), *everything)],
        r_cost=11 * dram_bits, w_cost=11 * dram_bits,
    )  # fmt: skip
    sram = {"auto_cost_extraction": True, "mem_type": "sram"}
    return {
        "name": "array16",
        "memories": {
            "rf_W": _memory(8, ["I2"], [], weight_ports, r_cost=0.01, w_cost=0.01),
            "rf_O": _memory(SUM_BITS, ["O"], ["D2"], sum_ports, r_cost=0.02, w_cost=0.02),
            "sram_W": _operand_sram(WEIGHT_KIB, "I2"),
            "sram_I": _operand_sram(IFMAP_KIB, "I1"),
            "sram_O": _memory(OFMAP_KIB * 8192, ["O"], ["D1", "D2"], out_ports, **sram),
            "dram": dram,
        },
        "operational_array": {"unit_energy": 0.04, "unit_area": 1, "dimensions": ["D1", "D2"], "sizes": [ROWS, COLS]},
    }


def write_accelforge(folder: Path) -> None:
    """Write accelerator and layer of AccelForge, a file per layer: its classes are YAML's tags, all else is JSON."""
    for name, layers in {**WORK, "warm_up": WARM_UP}.items():
        for number, layer in enumerate(layers):
            nodes = "".join(f"  - !{kind} {json.dumps(node)}\n" for kind, node in _accelforge_machine())
            text = f"arch:\n  nodes:\n{nodes}workload: {json.dumps(_accelforge_layer(layer))}\n"
            (folder / f"{name}_{number}.yaml").write_text(text, encoding="utf-8")


def _accelforge_layer(conv: Conv) -> dict[str, Any]:
    """Return a convolution as an Einsum; of a matrix product, its rows are one dimension."""
    if conv.kernel == (1, 1, 1):
        m, n, k = conv.gemm
        loops, reads, taps, writes = {"m": m, "n": n, "k": k}, ["m", "k"], ["k", "n"], ["m", "n"]
    else:
        outputs, kernel = (
            dict(zip(names, sizes, strict=True)) for names, sizes in (("tyx", conv.out_size), ("def", conv.kernel))
        )
        loops = {"n": conv.out_channels, "c": conv.in_channels, **outputs, **kernel}
        reads = {"C": "c", "T": "t+d", "Y": "y+e", "X": "x+f"}
        taps, writes = ["n", "c", "d", "e", "f"], ["n", "t", "y", "x"]
    accesses = [
        {"name": "I", "projection": reads},
        {"name": "W", "projection": taps},
        {"name": "O", "projection": writes, "output": True},
    ]
    renames = {"input": "I", "weight": "W", "output": "O"}
    return {
        "iteration_space_shape": {name: f"0 <= {name} < {size}" for name, size in loops.items()},
        "bits_per_value": {"All": 8},
        "einsums": [{"name": conv.name, "tensor_accesses": accesses, "renames": renames}],
    }


def _accelforge_machine() -> list[tuple[str, dict[str, Any]]]:
    free = {"leak_power": 0, "area": 0}

    def memory(
        name: str, size: int | str, energy: int, bits: float | str, **tensors: str
    ) -> tuple[str, dict[str, Any]]:
        actions = [{"name": way, "energy": energy, "throughput": bits, "latency": 0} for way in ("read", "write")]
        return "Memory", {"name": name, "size": size, **free, "tensors": tensors, "actions": actions}

    sizes = {"input": IFMAP_KIB, "weight": WEIGHT_KIB, "output": OFMAP_KIB}
    compute = {"name": "compute", "energy": 1, "throughput": 1, "latency": 0}
    array = [
        {"name": "rows", "fanout": ROWS, "may_reuse": "input"},
        {"name": "cols", "fanout": COLS, "may_reuse": "output"},
    ]
    dram_bits = DRAM_GBPS * 8000 / CLOCK_MHZ
    return [
        memory("dram", "inf", 10, dram_bits, keep="~Intermediates", may_keep="All"),
        *(memory(f"sram_{name}", kib * 8192, 1, "inf", keep=name) for name, kib in sizes.items()),
        ("Container", {"name": "array", "spatial": array}),
        ("Compute", {"name": "multiplier", **free, "actions": [compute]}),
    ]


WRITERS = {"ours": write_ours, "scalesim": write_scalesim, "zigzag": write_zigzag, "accelforge": write_accelforge}
