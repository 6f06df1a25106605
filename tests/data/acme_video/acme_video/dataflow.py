"""A dataflow of ACME: the tiles of a wave down the rows, its output channels along the columns."""

from lw3dsim.describe.dataflow import Dataflow

ACME_CROSSED = Dataflow(
    name="acme_crossed",
    description="tiles on rows, output channels on columns; sums stay in the PEs",
    rows="tiles",
    cols="output_channels",
)
