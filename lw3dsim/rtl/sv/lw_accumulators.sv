// The accumulators of a PE: per multiplier two banks of 2 ** `PLACE`. One bank takes products while the other drains.
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
            // A bank has one port to read: it is added up, or drained.
            logic [SUM-1:0] lower[1 << PLACE], upper[1 << PLACE];
            wire [SUM-1:0] of_lower = lower[adds[m] && !bank ? place : drain_place];
            wire [SUM-1:0] of_upper = upper[adds[m] && bank ? place : drain_place];
            wire [SUM-1:0] sum_so_far = bank ? of_upper : of_lower;
            wire [SUM-1:0] sum = (first ? '0 : sum_so_far) + products[SUM*m+:SUM];
            always_ff @(posedge clk) begin
                if (adds[m] && !bank) lower[place] <= sum;
                if (adds[m] && bank) upper[place] <= sum;
            end
            assign sums[SUM*m+:SUM] = drain_bank ? of_upper : of_lower;
        end
    endgenerate
endmodule
