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
    // Products pass the stages as wide as they are, and that of the first multiplier as wide as the sum of all.
    localparam int PRODUCT = DATA + WEIGHT < SUM ? DATA + WEIGHT : SUM;
    localparam int TOTAL = PRODUCT + $clog2(MULTS) < SUM ? PRODUCT + $clog2(MULTS) : SUM;
    localparam int ALL = TOTAL + (MULTS - 1) * PRODUCT;
    logic [ALL-1:0] made, late;
    logic signed [PRODUCT-1:0] each;
    logic signed [TOTAL-1:0] total;

    always_comb begin
        total = '0;
        for (int m = 0; m < MULTS; m++) begin
            each = works[m] ?
                PRODUCT'($signed(data[DATA*m+:DATA])) * PRODUCT'($signed(weights[WEIGHT*m+:WEIGHT])) : '0;
            total = total + TOTAL'(each);
            if (m == 0) made[TOTAL-1:0] = TOTAL'(each);
            else made[TOTAL+PRODUCT*(m-1)+:PRODUCT] = each;
        end
        if (tree) made[TOTAL-1:0] = total;
    end
    lw_delay #(.BITS(ALL), .STAGES(STAGES)) u_stages (.clk, .in(made), .out(late));
    always_comb begin
        products[SUM-1:0] = SUM'($signed(late[TOTAL-1:0]));
        for (int m = 1; m < MULTS; m++) products[SUM*m+:SUM] = SUM'($signed(late[TOTAL+PRODUCT*(m-1)+:PRODUCT]));
    end
endmodule
