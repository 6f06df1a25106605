// A lane of the vector unit: see `lw_lanes`.
module lw_lane #(
    parameter int ELEMENT = 8,
    parameter int BITS = 32,
    parameter int PRODUCTS = 1,
    parameter int TRG = 1,
    parameter int SUMMED = 16
) (
    input  logic                      clk,
    input  logic                      works,
    input  logic                      bank,
    input  logic                      first,
    input  logic [2:0]                kind,
    /* verilator lint_off UNUSEDSIGNAL */  // of TRG
    input  logic                      opens,
    input  logic                      closes,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic signed [ELEMENT-1:0] operand,
    input  logic                      read_bank,
    output logic [BITS-1:0]           result
);
    wire runs = TRG != 0 && kind > 3'd4;
    logic signed [BITS-1:0] held[2];
    wire signed [BITS-1:0] taken = held[bank];
    // What no sums have been added to is an element.
    wire signed [ELEMENT-1:0] one = taken[ELEMENT-1:0];
    wire signed [BITS-1:0] product, frame;
    generate
        if (PRODUCTS != 0) begin : g_product
            wire signed [2*ELEMENT-1:0] both = one * operand;
            assign product = BITS'(both);
        end else begin : g_none
            assign product = '0;
        end
        if (TRG != 0) begin : g_trg
            wire signed [SUMMED-1:0] out;
            lw_trg #(.ELEMENT(ELEMENT), .SUM(SUMMED)) u_trg (
                .clk, .works(works && kind >= 3'd4), .takes(first), .opens(runs ? kind == 3'd6 : opens), .closes, .runs,
                .value(operand), .taken(one), .out
            );
            assign frame = BITS'(out);
        end else begin : g_no_trg
            assign frame = '0;
        end
    endgenerate
    logic signed [BITS-1:0] made;
    always_comb
        case (kind)
            3'd2:    made = operand > one ? BITS'(operand) : BITS'(one);
            3'd3:    made = product;
            3'd4, 3'd5, 3'd6: made = frame;
            default: made = taken + BITS'(operand);
        endcase
    always_ff @(posedge clk) if (works) held[bank] <= first && !runs ? BITS'(operand) : made;
    assign result = held[read_bank];
endmodule
