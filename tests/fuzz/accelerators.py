"""Random accelerators within the ranges of the schema, as the tree of an accelerator file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from .session import ROOT

if TYPE_CHECKING:
    from random import Random

PRESETS = ("lpddr4-3200-x16", "lpddr4-3200-x32", "lpddr5-6400-x16", "ddr4-2400-x64", "ddr3-1600-x64")
MAPPINGS = ("row-bank-col", "row-col-bank", "bank-row-col", "row-bank-channel-col", "row-bank-col-bankgroup")
SHIPPED = ("edge_base", "edge_small", "edge_large", "edge_direct", "array_16x16", "eyeriss_like", "winograd3d")


def accelerator(rng: Random) -> dict[str, Any]:
    """Return a shipped accelerator with a few fields changed, or one drawn from the ranges, the ends among them."""
    if rng.randrange(3) == 0:
        path = ROOT / "arch_configs" / f"{rng.choice(SHIPPED)}.yaml"
        tree: dict[str, Any] = yaml.safe_load(path.read_text())
        drawn = _drawn(rng)
        for section in rng.sample(sorted(drawn), 2):
            tree[section] = drawn[section]
        return tree
    return _drawn(rng)


def _some(rng: Random, share: int = 2, **fields: Any) -> dict[str, Any]:
    return {key: item for key, item in fields.items() if rng.randrange(share) == 0}


def _drawn(rng: Random) -> dict[str, Any]:
    extreme = rng.randrange(4) == 0
    size = (lambda *usual: rng.choice([usual[0], usual[-1]])) if extreme else (lambda *usual: rng.choice(usual))
    pe = {"rows": size(1, 4, 8, 16, 1024), "cols": size(1, 1, 2, 7, 1024), "mults_per_pe": size(1, 4, 36, 64, 1024)}
    pe |= _some(rng, acc_depth=size(1, 8, 16, 4096), pipeline_stages=size(0, 8, 256))
    buffers: dict[str, Any] = {name: size(1, 16, 64, 128, 65536) for name in ("ifmap_kib", "weight_kib", "ofmap_kib")}
    buffers |= _some(rng, **{f"{name}_port_bytes": size(1, 16, 64, 65536) for name in ("ifmap", "weight", "ofmap")})
    buffers |= _some(rng, **{f"{name}_banks": size(1, 2, 4, 64) for name in ("ifmap", "weight", "ofmap")})
    buffers |= _some(rng, 3, slots=size(1, 2, 3, 7), intermediate_share=size(0, 0.3, 0.625, 0.999))
    tree: dict[str, Any] = {
        "name": "drawn",
        "clock_mhz": size(1, 200, 500, 333.3, 10_000),
        "pe": pe,
        "buffers": buffers,
    }
    winograd = _some(rng, m1=size(1, 2, 4, 8), m2=size(1, 2, 4, 8), weight_transform=rng.choice(["offline", "onchip"]))
    rates = {f"{name}_coords_per_cycle": size(1, 16, 64, 65536) for name in ("input", "output", "weight")}
    bits = {f"{name}_bits": size(2, 8, 8, 16, 64) for name in ("activation", "weight", "accumulator")}
    tree |= _some(rng, winograd=winograd, transforms=_some(rng, **rates), precision=_some(rng, **bits))
    tree |= _some(rng, 3, vector_lanes=size(1, 32, 1024), layer_setup_cycles=size(0, 100, 5000))
    tech = {"node_nm": rng.choice([65, 45, 32, 22]), "arithmetic": rng.choice(["horowitz", "aladdin"])}
    tech["sram_cell"] = rng.choice(["itrs-lstp", "itrs-lop", "itrs-hp"])
    return tree | _some(rng, 2, dram=_dram(rng, size), tech=_some(rng, **tech))


def _dram(rng: Random, size: Any) -> dict[str, Any]:
    dram = _some(rng, preset=rng.choice(PRESETS), channels=size(1, 1, 2, 3, 64), queue=size(1, 32, 1024))
    dram |= _some(rng, 3, layout=rng.choice(["auto", "blocked", "cthw"]), channel_block=size(1, 8, 16, 1024))
    model = rng.choice([None, None, "plain", "in_order", "fr_fcfs"])
    if model == "plain" or (model is None and rng.randrange(4) == 0):
        dram |= _some(rng, bandwidth_gbps=size(0.001, 3.2, 25.6, 100_000), latency_ns=size(0, 50, 100_000))
    else:
        dram |= _some(rng, 3, mapping=rng.choice(MAPPINGS), refresh=rng.choice(["all-bank", "none"]))
    return dram | ({"model": model} if model else {})
