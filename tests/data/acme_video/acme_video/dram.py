"""A DRAM preset of ACME: LPDDR4 of half the rows, with a slower precharge."""

from msgspec.structs import replace

from lw3dsim.describe.dram_standards import DRAM_STANDARDS

ACME_3200_X32 = replace(
    DRAM_STANDARDS["lpddr4-3200-x32"],
    rows=32768,
    trp=34,
    sustained_share=0.917,
    source="ACME's sheet, revision B",
)
