// Gathers the sums of a tile that lies in several places of a PE's accumulators, a place a cycle. With the last of them
// all are there.
module lw_gather #(
    parameter int BITS = 32,  // of a place
    parameter int PARTS = 1
) (
    input  logic                  clk,
    input  logic                  takes,
    input  logic [7:0]            part,
    input  logic [BITS-1:0]       sums,
    output logic [BITS*PARTS-1:0] gathered
);
    genvar i;
    generate
        if (PARTS == 1) begin : g_one
            assign gathered = sums;
            wire unused = &{1'b0, clk, takes, part};
        end else begin : g_many
            for (i = 0; i < PARTS; i = i + 1) begin : g_part
                logic [BITS-1:0] held;
                always_ff @(posedge clk) if (takes && part == 8'(i)) held <= sums;
                assign gathered[BITS*i+:BITS] = part == 8'(i) ? sums : held;
            end
        end
    endgenerate
endmodule
