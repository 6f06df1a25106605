// The output buffer: the array reads or writes a word a cycle at its port, in one slot; DMA reads another. Where both
// have one bank, `clk` stands still in the cycles in which DMA has it.
module lw_output_buffer #(
    parameter int WORDS = 1024,
    parameter int BITS = 64
) (
    input  logic            clk,
    input  logic            dma_clk,
    /* verilator lint_off UNUSEDSIGNAL */  // addresses count beyond the last word
    input  logic            enable,
    input  logic            write,
    input  logic [31:0]     address,
    input  logic [BITS-1:0] data,
    input  logic            dma_read,
    input  logic [31:0]     dma_address,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [BITS-1:0] answer,
    output logic [BITS-1:0] dma_data
);
    localparam int INDEX = $clog2(WORDS) > 0 ? $clog2(WORDS) : 1;
    logic [BITS-1:0] words[WORDS];
    always_ff @(posedge clk) begin
        if (enable && write) words[address[INDEX-1:0]] <= data;
        if (enable && !write) answer <= words[address[INDEX-1:0]];
    end
    always_ff @(posedge dma_clk) if (dma_read) dma_data <= words[dma_address[INDEX-1:0]];
endmodule
