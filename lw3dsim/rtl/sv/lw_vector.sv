// The vector unit behind a drain: adds partial sums, or takes the larger, divides means, adds biases, cuts off below 0, shifts to the operand width, rounded,
// and cuts off there.
module lw_vector #(
    parameter int ROWS = 2,
    parameter int ROW = 1,      // bits of the number of one
    parameter int SUM = 32,
    parameter int BIAS = 32,
    parameter int BITS = 8,
    parameter int RESULTS = 8,
    parameter int VECTOR = 1,   // whether there are layers of the vector unit
    parameter int LANES = 8,    // as many of its outputs are in a word at most
    parameter int DIVIDED = 16,  // bits of the sums of which there are means; 0: there are none
    parameter int INVERSE = 16,
    parameter int SHIFTED = 5
) (
    input  logic [RESULTS*SUM-1:0]  sums,
    input  logic [RESULTS*SUM-1:0]  partials,
    /* verilator lint_off UNUSEDSIGNAL */  // of layers of the vector unit
    input  logic                    adds,
    input  logic [2:0]              kind,
    input  logic                    divides,
    input  logic [INVERSE-1:0]      inverse,    // see lw_divider
    input  logic [DIVIDED+INVERSE-1:0] offset,
    input  logic [SHIFTED-1:0]      inverse_shift,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [RESULTS*SUM-1:0]  added,
    input  logic [RESULTS*ROW-1:0]  rows,
    input  logic [ROWS*BIAS-1:0]    biases,
    input  logic                    relu,
    /* verilator lint_off UNUSEDSIGNAL */  // beyond the width
    input  logic [7:0]              shift,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [RESULTS*(SUM+2)-1:0] finished,
    output logic [RESULTS*BITS-1:0] results
);
    localparam int WIDE = SUM + 2;
    genvar i;
    generate
        for (i = 0; i < RESULTS; i = i + 1) begin : g_result
            wire signed [BIAS-1:0] bias;
            lw_pick #(.WORDS(ROWS), .BITS(BIAS)) u_bias (.which(16'(rows[ROW*i+:ROW])), .words(biases), .picked(bias));
            lw_finish #(
                .SUM(SUM), .BIAS(BIAS), .BITS(BITS), .VECTOR(i < LANES ? VECTOR : 0), .DIVIDED(DIVIDED), .INVERSE(INVERSE),
                .SHIFTED(SHIFTED)
            ) u_finish (
                .sum(sums[SUM*i+:SUM]), .partial(partials[SUM*i+:SUM]), .adds, .kind, .divides, .inverse, .offset,
                .inverse_shift, .added(added[SUM*i+:SUM]), .bias, .relu, .shift, .finished(finished[WIDE*i+:WIDE]),
                .result(results[BITS*i+:BITS])
            );
        end
    endgenerate
endmodule
