// The lanes of the vector unit: each works on an element of an operand in a cycle, and has two banks of one accumulator, one
// that drains while the other works.
//
// `kind` is what operands of a group become: 1 their sum, 2 the largest, 3 their product, 4 see `lw_trg`.
module lw_lanes #(
    parameter int LANES = 8,
    parameter int ELEMENT = 8,
    parameter int BITS = 32
) (
    input  logic                     clk,
    input  logic                     works,
    input  logic                     bank,
    input  logic                     first,    // operand of the group
    input  logic [2:0]               kind,
    input  logic                     opens,    // the first frame of all
    input  logic                     closes,   // the last one
    input  logic [15:0]              count,    // lanes that work
    input  logic [LANES*ELEMENT-1:0] operand,
    input  logic                     read_bank,
    output logic [LANES-1:0]         working,
    output logic [LANES*BITS-1:0]    results
);
    genvar i;
    generate
        for (i = 0; i < LANES; i = i + 1) begin : g_lane
            logic signed [BITS-1:0] held[2];
            wire signed [ELEMENT-1:0] element = $signed(operand[ELEMENT*i+:ELEMENT]);
            wire signed [BITS-1:0] value = BITS'(element);
            wire signed [BITS-1:0] taken = held[bank];
            wire signed [BITS-1:0] frame;
            assign working[i] = works && 16'(i) < count;
            lw_trg #(.BITS(BITS)) u_trg (
                .clk, .works(working[i] && kind == 3'd4), .takes(first), .opens, .closes, .value, .taken, .out(frame)
            );
            logic signed [BITS-1:0] made;
            always_comb
                case (kind)
                    3'd2:    made = value > taken ? value : taken;
                    3'd3:    made = taken * value;
                    default: made = taken + value;
                endcase
            always_ff @(posedge clk)
                if (working[i]) held[bank] <= kind == 3'd4 ? frame : first ? value : made;
            assign results[BITS*i+:BITS] = held[read_bank];
        end
    endgenerate
endmodule
