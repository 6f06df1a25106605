// A multiplier; without operands its product is 0.
module lw_multiplier #(
    parameter int DATA = 8,
    parameter int WEIGHT = 8,
    parameter int PRODUCT = 16
) (
    input  logic                      works,
    input  logic signed [DATA-1:0]    datum,
    input  logic signed [WEIGHT-1:0]  weight,
    output logic signed [PRODUCT-1:0] product
);
    wire signed [DATA-1:0] taken = works ? datum : '0;
    assign product = taken * weight;
endmodule
