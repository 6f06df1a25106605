"""The shipped networks on clips so small that each is simulated and executed in a second."""

SMALL = {
    "c3d": "16x32x32",
    "c3d_paper": "16x32x32",
    "c3d_small": "4x16x16",
    "csn_r101": "4x16x16",
    "i3d_r50": "2x16x16",
    "movinet_a0": "3x32x32",
    "movinet_a0_stream": "3x32x32",
    "r2plus1d_r18": "4x16x16",
    "s3d": "8x32x32",
    "slow_r50": "2x16x16",
    "slowfast_r101_8x8": "8x16x16",
    "slowfast_r50_4x16": "32x32x32",
    "slowfast_r50_8x8": "32x32x32",
    "slowfast_small": "8x16x16",
    "x3d_m": "4x16x16",
    "x3d_s": "3x32x32",
}

# Of networks whose layers are of the same forms, more or wider, one.
FAMILIES = tuple(sorted(SMALL.keys() - {"slow_r50", "slowfast_r50_8x8", "slowfast_r101_8x8", "x3d_m"}))

# Networks that together have every kind of layer of the shipped ones, dense and depthwise, fast and direct.
KINDS = ("c3d", "movinet_a0_stream", "r2plus1d_r18", "s3d", "slowfast_small", "x3d_s")
