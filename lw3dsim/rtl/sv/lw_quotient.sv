// An exact quotient of a whole number: a product with the inverse of its odd part, modulo the width, then a shift.
module lw_quotient #(
    parameter int WIDE = 32,
    parameter int OUT = 32,
    parameter logic [63:0] INVERSE = 64'd1,
    parameter int SHIFT = 0
) (
    input  logic signed [WIDE-1:0] value,
    output logic [OUT-1:0]         quotient
);
    wire signed [WIDE-1:0] odd = value * WIDE'(INVERSE);
    assign quotient = OUT'(odd >>> SHIFT);
endmodule
