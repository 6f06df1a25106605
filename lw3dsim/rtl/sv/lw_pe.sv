// A PE: multipliers, and an adder tree over all of them that sums up input channels in channel-parallel mode.
module lw_pe #(
    parameter int MULTS = 1,
    parameter int DATA = 8,
    parameter int WEIGHT = 8,
    parameter int SUM = 32,
    parameter int STAGES = 1
) (
    input  logic                    clk,
    input  logic                    tree,   // sum up all products
    input  logic [MULTS-1:0]        works,  // multipliers with operands
    input  logic [MULTS*DATA-1:0]   data,
    input  logic [MULTS*WEIGHT-1:0] weights,
    output logic [MULTS*SUM-1:0]    products  // STAGES cycles later
);
    logic [MULTS*SUM-1:0] each, made;
    logic signed [SUM-1:0] total;

    always_comb begin
        total = '0;
        for (int m = 0; m < MULTS; m++) begin
            each[SUM*m+:SUM] = works[m] ?
                SUM'($signed(data[DATA*m+:DATA])) * SUM'($signed(weights[WEIGHT*m+:WEIGHT])) : '0;
            total = total + $signed(each[SUM*m+:SUM]);
        end
        made = each;
        if (tree) made[SUM-1:0] = total;
    end
    lw_delay #(.BITS(MULTS * SUM), .STAGES(STAGES)) u_stages (.clk, .in(made), .out(products));
endmodule
