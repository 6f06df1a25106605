// Groups of outputs of a vector step, one behind the other, out of one descriptor: which it is, where its operands begin and
// where its words go. What is no vector step is one group.
module lw_groups #(
    parameter int RINGS = 1  // whether there are any that operands lie in
) (
    input  logic        clk,
    input  logic        rst,
    input  logic        taken,         // the group becomes the wave that is fed
    input  logic [31:0] groups,        // of the descriptor
    input  logic [31:0] base,          // of the first one's operands: their ring,
    input  logic [31:0] offset,        // and the place within that
    input  logic [1:0]  axis,          // of rings
    input  logic [31:0] block,         // from block to block of groups
    input  logic [31:0] step_t,
    input  logic [31:0] step_h,
    input  logic [31:0] step_w,
    input  logic [15:0] groups_all,    // of a block
    input  logic [15:0] groups_h,
    input  logic [15:0] groups_w,
    input  logic [31:0] results_base,
    input  logic [15:0] results_words,  // of a group
    input  logic [31:0] sums_base,
    input  logic [15:0] sums_words,
    output logic        is_first,
    output logic        is_last,
    output logic        opens,         // the first along W
    output logic        closes,        // the last along W
    output logic [31:0] operands,
    output logic [31:0] operands_along,
    output logic [31:0] results,
    output logic [31:0] sums
);
    logic [31:0] number, results_at, sums_at;
    logic [15:0] along;

    assign is_first = number == 32'd0;
    assign is_last = number + 32'd1 == groups;
    assign opens = along == 16'd0;
    assign closes = along + 16'd1 == groups_w;
    assign results = is_first ? results_base : results_at;
    assign sums = is_first ? sums_base : sums_at;
    lw_rounds #(.RINGS(RINGS)) u_operands (
        .clk, .start(taken), .begins(is_first), .base, .offset, .axis, .block, .step_t, .step_h, .step_w, .groups(groups_all), .groups_h,
        .groups_w, .address(operands), .along(operands_along)
    );

    always_ff @(posedge clk) begin
        if (rst) {number, along} <= 48'd0;
        else if (taken) begin
            number <= is_last ? 32'd0 : number + 32'd1;
            along <= is_last || closes ? 16'd0 : along + 16'd1;
            results_at <= results + 32'(results_words);
            sums_at <= sums + 32'(sums_words);
        end
    end
endmodule
