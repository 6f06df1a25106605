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
    localparam int LEVELS = $clog2(MULTS);
    localparam int LEAVES = 1 << LEVELS;
    localparam int TOTAL = PRODUCT + LEVELS < SUM ? PRODUCT + LEVELS : SUM;
    localparam int ALL = TOTAL + (MULTS - 1) * PRODUCT;
    logic [ALL-1:0] made, late;
    // The tree as a heap: node 1 is the sum of all, nodes 2 i and 2 i + 1 are those of node i, products come last.
    /* verilator lint_off UNOPTFLAT */  // no node is below itself
    logic signed [TOTAL-1:0] sums[2*LEAVES];
    genvar m, n;
    generate
        for (m = 0; m < LEAVES; m = m + 1) begin : g_product
            if (m < MULTS) begin : g_multiplier
                wire signed [PRODUCT-1:0] product;
                lw_multiplier #(.DATA(DATA), .WEIGHT(WEIGHT), .PRODUCT(PRODUCT)) u_multiplier (
                    .works(works[m]), .datum(data[DATA*m+:DATA]), .weight(weights[WEIGHT*m+:WEIGHT]), .product
                );
                assign sums[LEAVES+m] = TOTAL'(product);
                if (m == 0) assign made[TOTAL-1:0] = tree ? sums[1] : TOTAL'(product);
                else assign made[TOTAL+PRODUCT*(m-1)+:PRODUCT] = product;
            end else begin : g_none
                assign sums[LEAVES+m] = '0;
            end
        end
        for (n = 1; n < LEAVES; n = n + 1) begin : g_sum
            // A node is a bit wider than those below it.
            localparam int NEEDED = PRODUCT + LEVELS + 1 - $clog2(n + 1);
            localparam int WIDE = NEEDED < TOTAL ? NEEDED : TOTAL;
            wire signed [WIDE-1:0] both = WIDE'(sums[2*n]) + WIDE'(sums[2*n+1]);
            assign sums[n] = TOTAL'(both);
        end
    endgenerate
    /* verilator lint_on UNOPTFLAT */
    assign sums[0] = '0;
    lw_delay #(.BITS(ALL), .STAGES(STAGES)) u_stages (.clk, .in(made), .out(late));
    always_comb begin
        products[SUM-1:0] = SUM'($signed(late[TOTAL-1:0]));
        for (int i = 1; i < MULTS; i++) products[SUM*i+:SUM] = SUM'($signed(late[TOTAL+PRODUCT*(i-1)+:PRODUCT]));
    end
endmodule
