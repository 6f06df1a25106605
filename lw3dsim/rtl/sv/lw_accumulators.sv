// The accumulators of a PE: those of every multiplier.
module lw_accumulators #(
    parameter int MULTS = 1,
    parameter int SUM = 32,
    parameter int PLACE = 4
) (
    input  logic                 clk,
    input  logic [MULTS-1:0]     adds,        // multipliers whose product is added in this cycle
    input  logic                 first,       // it is the first of its sum
    input  logic                 bank,
    input  logic [PLACE-1:0]     place,
    input  logic [MULTS*SUM-1:0] products,
    input  logic                 drain_bank,
    input  logic [PLACE-1:0]     drain_place,
    output logic [MULTS*SUM-1:0] sums
);
    genvar m;
    generate
        for (m = 0; m < MULTS; m = m + 1) begin : g_file
            lw_file #(.SUM(SUM), .PLACE(PLACE)) u_file (
                .clk, .adds(adds[m]), .first, .bank, .place, .product(products[SUM*m+:SUM]), .drain_bank, .drain_place,
                .drained(sums[SUM*m+:SUM])
            );
        end
    endgenerate
endmodule
