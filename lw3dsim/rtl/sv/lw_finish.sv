// A result behind a drain: what `lw_vector` makes of a sum.
module lw_finish #(
    parameter int SUM = 32,
    parameter int BIAS = 32,
    parameter int BITS = 8,
    parameter int VECTOR = 1,    // whether it may be one of a layer of the vector unit
    parameter int DIVIDED = 16,
    parameter int INVERSE = 16,
    parameter int SHIFTED = 5,
    localparam int WIDE = SUM + 2
) (
    input  logic signed [SUM-1:0]      sum,
    input  logic signed [SUM-1:0]      partial,
    /* verilator lint_off UNUSEDSIGNAL */  // of layers of the vector unit
    input  logic                       adds,
    input  logic [2:0]                 kind,
    input  logic                       divides,
    input  logic [INVERSE-1:0]         inverse,
    input  logic [DIVIDED+INVERSE-1:0] offset,
    input  logic [SHIFTED-1:0]         inverse_shift,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic signed [SUM-1:0]      added,
    input  logic signed [BIAS-1:0]     bias,
    input  logic                       relu,
    /* verilator lint_off UNUSEDSIGNAL */  // beyond the width
    input  logic [7:0]                 shift,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic signed [WIDE-1:0]     finished,
    output logic [BITS-1:0]            result
);
    localparam int SHIFT = $clog2(WIDE);
    localparam logic signed [WIDE-1:0] MOST = (WIDE'(1) <<< (BITS - 1)) - WIDE'(1);
    wire signed [SUM-1:0] mean;
    generate
        if (VECTOR != 0) begin : g_vector
            // The largest is the sum of both without the other.
            wire signed [BITS-1:0] here = sum[BITS-1:0], there = partial[BITS-1:0];
            wire chooses = kind == 3'd2 && adds, larger = here > there;
            assign added = (chooses && !larger ? '0 : sum) + (chooses && larger ? '0 : partial);
        end else begin : g_added
            assign added = sum + partial;
        end
        if (VECTOR != 0 && DIVIDED != 0) begin : g_mean
            wire signed [BITS-1:0] quotient;
            lw_divider #(.VALUE(DIVIDED), .INVERSE(INVERSE), .QUOTIENT(BITS), .SHIFT(SHIFTED)) u_divider (
                .value(added[DIVIDED-1:0]), .inverse, .offset, .shift(inverse_shift), .quotient
            );
            assign mean = divides ? SUM'(quotient) : added;
        end else begin : g_whole
            assign mean = added;
        end
    endgenerate
    wire signed [WIDE-1:0] total = WIDE'(mean) + WIDE'(bias);
    assign finished = relu && total < 0 ? '0 : total;
    // The last bit that is shifted out rounds.
    wire signed [WIDE:0] shifted = $signed({finished, 1'b0}) >>> shift[SHIFT-1:0];
    wire signed [WIDE-1:0] code = shifted[WIDE:1] + WIDE'(shifted[0]);
    /* verilator lint_off UNUSEDSIGNAL */  // it fits the operand width
    wire signed [WIDE-1:0] cut = code > MOST ? MOST : code < -MOST ? -MOST : code;
    /* verilator lint_on UNUSEDSIGNAL */
    assign result = cut[BITS-1:0];
endmodule
