// The lanes of the vector unit: each works on an element of an operand in a cycle, and has two banks of one accumulator, one
// that drains while the other works.
//
// `kind` is what operands of a group become: 1 their sum, 2 the largest, 3 the product of two, 4 see `lw_trg`; of a running
// mean 5 the sum of all frames so far, 6 the first of them.
module lw_lanes #(
    parameter int LANES = 8,
    parameter int ELEMENT = 8,
    parameter int BITS = 32,
    parameter int PRODUCTS = 1,  // whether there are products
    parameter int TRG = 1,
    parameter int SUMMED = 16    // of the sum of all frames
) (
    input  logic                     clk,
    input  logic                     works,
    input  logic                     bank,
    input  logic                     first,    // operand of the group
    input  logic [2:0]               kind,
    /* verilator lint_off UNUSEDSIGNAL */  // of TRG
    input  logic                     opens,    // the first frame of all
    input  logic                     closes,   // the last one
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [15:0]              count,    // lanes that work
    input  logic [LANES*ELEMENT-1:0] operand,
    input  logic                     read_bank,
    output logic [LANES-1:0]         working,
    output logic [LANES*BITS-1:0]    results
);
    genvar i;
    generate
        for (i = 0; i < LANES; i = i + 1) begin : g_lane
            assign working[i] = works && 16'(i) < count;
            lw_lane #(.ELEMENT(ELEMENT), .BITS(BITS), .PRODUCTS(PRODUCTS), .TRG(TRG), .SUMMED(SUMMED)) u_lane (
                .clk, .works(working[i]), .bank, .first, .kind, .opens, .closes, .operand(operand[ELEMENT*i+:ELEMENT]),
                .read_bank, .result(results[BITS*i+:BITS])
            );
        end
    endgenerate
endmodule
