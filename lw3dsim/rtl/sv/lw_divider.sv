// Divides a sum by a constant n, rounded half up, where the quotient is no wider than the values that were summed up:
// (v m + c) >> s, in which m is next to 2 ^ s / n, and c rounds. The numbers come with the program.
module lw_divider #(
    parameter int VALUE = 16,
    parameter int INVERSE = 16,
    parameter int QUOTIENT = 8,
    parameter int SHIFT = 5
) (
    input  logic signed [VALUE-1:0]       value,
    input  logic [INVERSE-1:0]            inverse,   // m
    input  logic [VALUE+INVERSE-1:0]      offset,    // c
    input  logic [SHIFT-1:0]              shift,     // s
    output logic signed [QUOTIENT-1:0]    quotient
);
    localparam int WIDE = VALUE + INVERSE + 1;
    // The sign counts as so much less.
    wire [VALUE+INVERSE-2:0] size = (VALUE+INVERSE-1)'(value[VALUE-2:0]) * (VALUE+INVERSE-1)'(inverse);
    wire [WIDE-1:0] rest = WIDE'(offset) - (value[VALUE-1] ? WIDE'(inverse) << (VALUE - 1) : '0);
    wire signed [WIDE-1:0] product = WIDE'(size) + rest;
    /* verilator lint_off UNUSEDSIGNAL */  // it fits
    wire signed [WIDE-1:0] shifted = product >>> shift;
    /* verilator lint_on UNUSEDSIGNAL */
    assign quotient = shifted[QUOTIENT-1:0];
endmodule
