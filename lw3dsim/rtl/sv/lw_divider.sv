// Divides by a constant, rounded half up: floor((2 v + n) / 2 n), as a product with the inverse of 2 n and a shift.
module lw_divider #(
    parameter int BITS = 32,
    parameter int INVERSE = 48
) (
    input  logic signed [BITS-1:0]  value,
    input  logic [15:0]             by,
    input  logic [INVERSE-1:0]      inverse,  // of twice as much, rounded up, times 2 ^ `shift`
    input  logic [7:0]              shift,
    output logic signed [BITS-1:0]  quotient
);
    localparam int WIDE = BITS + 3;
    wire signed [WIDE-1:0] twice = (WIDE'(value) <<< 1) + $signed(WIDE'(by));
    // Below 0 what is left out of the complement is what floors.
    wire [WIDE-1:0] size = twice[WIDE-1] ? ~twice : twice;
    /* verilator lint_off UNUSEDSIGNAL */  // it fits
    wire [WIDE+INVERSE-1:0] whole = ((WIDE+INVERSE)'(size) * (WIDE+INVERSE)'(inverse)) >> shift;
    /* verilator lint_on UNUSEDSIGNAL */
    assign quotient = twice[WIDE-1] ? ~whole[BITS-1:0] : whole[BITS-1:0];
endmodule
