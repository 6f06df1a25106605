// Tables of activations: codes of results are looked up in that of the layer, 1 the first; 0: they stay as they are.
module lw_tables #(
    parameter int TABLES = 1,
    parameter int BITS = 8,
    parameter int RESULTS = 8
) (
    input  logic                    dma_clk,
    input  logic                    write,
    /* verilator lint_off UNUSEDSIGNAL */  // they count beyond the last
    input  logic [31:0]             address,
    input  logic [7:0]              number,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [BITS-1:0]         data,
    input  logic [RESULTS*BITS-1:0] codes,
    output logic [RESULTS*BITS-1:0] results
);
    localparam int INDEX = BITS + (TABLES > 1 ? $clog2(TABLES) : 0);
    logic [BITS-1:0] held[TABLES << BITS]  /*verilator public_flat_rw*/;
    wire [7:0] which = number - 8'd1;
    genvar i;
    generate
        for (i = 0; i < RESULTS; i = i + 1) begin : g_result
            wire [BITS-1:0] code = codes[BITS*i+:BITS];
            assign results[BITS*i+:BITS] = number == 8'd0 ? code : held[INDEX'({which, code})];
        end
    endgenerate
    always_ff @(posedge dma_clk) if (write) held[address[INDEX-1:0]] <= data;
endmodule
