// Biases: a word holds those of all rows of a wave. DMA writes it, and one is read in the cycle in which it is asked for.
module lw_biases #(
    parameter int WORDS = 16,
    parameter int BITS = 64,
    parameter int INDEX = 4
) (
    input  logic             dma_clk,
    input  logic             write,
    input  logic [INDEX-1:0] write_address,
    input  logic [BITS-1:0]  write_data,
    input  logic [INDEX-1:0] address,
    output logic [BITS-1:0]  word
);
    logic [BITS-1:0] words[WORDS]  /*verilator public_flat_rw*/;
    assign word = words[address];
    always_ff @(posedge dma_clk) if (write) words[write_address] <= write_data;
endmodule
