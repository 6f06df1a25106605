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
    wire runs = TRG != 0 && kind > 3'd4;
    genvar i;
    generate
        for (i = 0; i < LANES; i = i + 1) begin : g_lane
            logic signed [BITS-1:0] held[2];
            wire signed [ELEMENT-1:0] value = $signed(operand[ELEMENT*i+:ELEMENT]);
            wire signed [BITS-1:0] taken = held[bank];
            // What no sums have been added to is an element.
            wire signed [ELEMENT-1:0] one = taken[ELEMENT-1:0];
            wire signed [BITS-1:0] product, frame;
            assign working[i] = works && 16'(i) < count;
            if (PRODUCTS != 0) begin : g_product
                wire signed [2*ELEMENT-1:0] both = one * value;
                assign product = BITS'(both);
            end else begin : g_none
                assign product = '0;
            end
            if (TRG != 0) begin : g_trg
                wire signed [SUMMED-1:0] out;
                lw_trg #(.ELEMENT(ELEMENT), .SUM(SUMMED)) u_trg (
                    .clk, .works(working[i] && kind >= 3'd4), .takes(first), .opens(runs ? kind == 3'd6 : opens), .closes,
                    .runs, .value, .taken(one), .out
                );
                assign frame = BITS'(out);
            end else begin : g_no_trg
                assign frame = '0;
            end
            logic signed [BITS-1:0] made;
            always_comb
                case (kind)
                    3'd2:    made = value > one ? BITS'(value) : BITS'(one);
                    3'd3:    made = product;
                    3'd4, 3'd5, 3'd6: made = frame;
                    default: made = taken + BITS'(value);
                endcase
            always_ff @(posedge clk) if (working[i]) held[bank] <= first && !runs ? BITS'(value) : made;
            assign results[BITS*i+:BITS] = held[read_bank];
        end
    endgenerate
endmodule
