// The vector unit behind a drain: adds partial sums, or takes the larger, divides means, adds biases, cuts off below 0, shifts to the operand width, rounded,
// and cuts off there.
module lw_vector #(
    parameter int ROWS = 2,
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
    input  logic [RESULTS*16-1:0]   rows,
    input  logic [ROWS*BIAS-1:0]    biases,
    input  logic                    relu,
    /* verilator lint_off UNUSEDSIGNAL */  // beyond the width
    input  logic [7:0]              shift,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [RESULTS*(SUM+2)-1:0] finished,
    output logic [RESULTS*BITS-1:0] results
);
    localparam int WIDE = SUM + 2;
    localparam int SHIFT = $clog2(WIDE);
    localparam logic signed [WIDE-1:0] MOST = (WIDE'(1) <<< (BITS - 1)) - WIDE'(1);

    genvar i;
    generate
        for (i = 0; i < RESULTS; i = i + 1) begin : g_result
            wire signed [SUM-1:0] sum = $signed(sums[SUM*i+:SUM]), partial = $signed(partials[SUM*i+:SUM]);
            wire signed [SUM-1:0] both, mean;
            if (VECTOR != 0 && i < LANES) begin : g_vector
                // The largest is the sum of both without the other.
                wire signed [BITS-1:0] here = sum[BITS-1:0], there = partial[BITS-1:0];
                wire chooses = kind == 3'd2 && adds, larger = here > there;
                assign both = (chooses && !larger ? '0 : sum) + (chooses && larger ? '0 : partial);
            end else begin : g_added
                assign both = sum + partial;
            end
            if (VECTOR != 0 && i < LANES && DIVIDED != 0) begin : g_mean
                wire signed [BITS-1:0] quotient;
                lw_divider #(.VALUE(DIVIDED), .INVERSE(INVERSE), .QUOTIENT(BITS), .SHIFT(SHIFTED)) u_divider (
                    .value(both[DIVIDED-1:0]), .inverse, .offset, .shift(inverse_shift), .quotient
                );
                assign mean = divides ? SUM'(quotient) : both;
            end else begin : g_whole
                assign mean = both;
            end
            assign added[SUM*i+:SUM] = both;
            wire signed [BIAS-1:0] bias;
            lw_pick #(.WORDS(ROWS), .BITS(BIAS)) u_bias (.which(rows[16*i+:16]), .words(biases), .picked(bias));
            wire signed [WIDE-1:0] total = WIDE'(mean) + WIDE'(bias);
            wire signed [WIDE-1:0] kept = relu && total < 0 ? '0 : total;
            // The last bit that is shifted out rounds.
            wire signed [WIDE:0] shifted = $signed({kept, 1'b0}) >>> shift[SHIFT-1:0];
            wire signed [WIDE-1:0] code = shifted[WIDE:1] + WIDE'(shifted[0]);
            /* verilator lint_off UNUSEDSIGNAL */  // it fits the operand width
            wire signed [WIDE-1:0] cut = code > MOST ? MOST : code < -MOST ? -MOST : code;
            /* verilator lint_on UNUSEDSIGNAL */
            assign finished[WIDE*i+:WIDE] = kept;
            assign results[BITS*i+:BITS] = cut[BITS-1:0];
        end
    endgenerate
endmodule
