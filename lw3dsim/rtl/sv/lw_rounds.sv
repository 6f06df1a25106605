// Where the words of the next round lie: taps along W first, then H, then T, then the next block of channels.
//
// Halos that are kept lie in rings along an axis: 0 T, 1 H, 2 W. Steps along it and the axes behind are within a ring, those
// before it lead from ring to ring. What is in no ring lies in one without an end, of axis 0.
module lw_rounds #(
    parameter int RINGS = 1  // whether there are any
) (
    input  logic        clk,
    input  logic        start,      // the round is read from this cycle on
    input  logic        begins,     // it is the first of its wave
    input  logic [31:0] base,       // of the wave: its ring,
    input  logic [31:0] offset,     // and the place within that
    input  logic [1:0]  axis,       // of the rings
    input  logic [31:0] block,      // from block to block of channels
    input  logic [31:0] step_t,     // from group to group of taps
    input  logic [31:0] step_h,
    input  logic [31:0] step_w,
    input  logic [15:0] groups,     // of taps
    input  logic [15:0] groups_h,
    input  logic [15:0] groups_w,
    output logic [31:0] address,    // of the ring
    output logic [31:0] along       // the place within that
);
    logic [31:0] at_block, at_offset, at_t, at_h, at_w;
    logic [15:0] h, w, group;

    wire [31:0] now_block = begins ? base : at_block;
    wire [31:0] now_offset = RINGS == 0 ? 32'd0 : begins ? offset : at_offset;
    wire [31:0] now_t = begins ? 32'd0 : at_t, now_h = begins ? 32'd0 : at_h, now_w = begins ? 32'd0 : at_w;
    wire [15:0] this_h = begins ? 16'd0 : h, this_w = begins ? 16'd0 : w, this_group = begins ? 16'd0 : group;
    generate
        if (RINGS != 0) begin : g_rings
            assign address = now_block + (axis > 2'd0 ? now_t : 32'd0) + (axis > 2'd1 ? now_h : 32'd0);
            assign along = now_offset + (axis > 2'd0 ? 32'd0 : now_t) + (axis > 2'd1 ? 32'd0 : now_h) + now_w;
        end else begin : g_none
            assign address = now_block + now_t + now_h + now_w;
            assign along = 32'd0;
            wire unused = &{1'b0, axis};
        end
    endgenerate

    wire ends_w = this_w + 16'd1 == groups_w;
    wire ends_h = ends_w && this_h + 16'd1 == groups_h;
    wire ends_block = this_group + 16'd1 == groups;
    always_ff @(posedge clk)
        if (start) begin
            w <= ends_w ? 16'd0 : this_w + 16'd1;
            at_w <= ends_w ? 32'd0 : now_w + step_w;
            h <= ends_h ? 16'd0 : ends_w ? this_h + 16'd1 : this_h;
            at_h <= ends_h ? 32'd0 : ends_w ? now_h + step_h : now_h;
            at_t <= ends_block ? 32'd0 : ends_h ? now_t + step_t : now_t;
            group <= ends_block ? 16'd0 : this_group + 16'd1;
            at_block <= ends_block ? now_block + block : now_block;
            at_offset <= now_offset;
        end
endmodule
