// The accumulators of a multiplier: two banks of 2 ** `PLACE`. One bank takes products while the other drains.
module lw_file #(
    parameter int SUM = 32,
    parameter int PLACE = 4
) (
    input  logic             clk,
    input  logic             adds,        // a product is added in this cycle
    input  logic             first,       // it is the first of its sum
    input  logic             bank,
    input  logic [PLACE-1:0] place,
    input  logic [SUM-1:0]   product,
    input  logic             drain_bank,
    input  logic [PLACE-1:0] drain_place,
    output logic [SUM-1:0]   drained
);
    // A bank has one port to read: it is added up, or drained.
    logic [SUM-1:0] lower[1 << PLACE], upper[1 << PLACE];
    wire [SUM-1:0] of_lower = lower[adds && !bank ? place : drain_place];
    wire [SUM-1:0] of_upper = upper[adds && bank ? place : drain_place];
    wire [SUM-1:0] sum_so_far = bank ? of_upper : of_lower;
    wire [SUM-1:0] sum = (first ? '0 : sum_so_far) + product;
    always_ff @(posedge clk) begin
        if (adds && !bank) lower[place] <= sum;
        if (adds && bank) upper[place] <= sum;
    end
    assign drained = drain_bank ? of_upper : of_lower;
endmodule
