// A buffer: one side for DMA, one for the array. An answer comes `LATENCY` cycles after a read. Of two banks they never
// meet in one; of a single bank, with a single port, `clk` stands still in the cycles in which DMA has it.
module lw_sram #(
    parameter int WORDS = 1024,
    parameter int BITS = 64,
    parameter int ADDRESS = 16,
    parameter int LATENCY = 1
) (
    input  logic               clk,
    input  logic               dma_clk,
    /* verilator lint_off UNUSEDSIGNAL */  // addresses count beyond the last word
    input  logic               write,
    input  logic [ADDRESS-1:0] write_address,
    input  logic [BITS-1:0]    write_data,
    input  logic               read,
    input  logic [ADDRESS-1:0] read_address,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [BITS-1:0]    read_data
);
    localparam int INDEX = $clog2(WORDS) > 0 ? $clog2(WORDS) : 1;
    logic [BITS-1:0] words[WORDS]  /*verilator public_flat_rw*/;
    logic [BITS*LATENCY-1:0] answers;

    assign read_data = answers[BITS*LATENCY-1-:BITS];
    always_ff @(posedge dma_clk) if (write) words[write_address[INDEX-1:0]] <= write_data;
    always_ff @(posedge clk) begin
        if (read) answers[BITS-1:0] <= words[read_address[INDEX-1:0]];
        for (int i = 1; i < LATENCY; i++) answers[BITS*i+:BITS] <= answers[BITS*(i-1)+:BITS];
    end
endmodule
