// Where the results of a word go in an intermediate tensor, in the order in which the collector picks them: the channels
// of a position side by side, then the positions of a tile, then the tiles, then the channels behind.
//
// The tensor lies in blocks of `block` channels, in each positions side by side; the last block may have fewer channels.
// A place is that of its channel at the first position, and how far its position lies from there, in positions of full
// blocks or of the last: both go from one result to the next by steps that the descriptor says. Of a tensor whose
// halos are kept, positions lie in rings: see `lw_rounds`.
// Groups of a vector step that follow runs, of rows, frames or blocks (`runs` 1, 2, 3), begin anew with each run, at
// some place in it; those of frames (5), each in the next.
module lw_places #(
    parameter int PICKED = 8,
    parameter int PLACE = 16,  // bits of a place
    parameter int COUNT = 16,  // of what is counted along an axis, or channel by channel
    parameter int TILE = 3,    // of positions of a tile along an axis
    parameter int TILED = 1    // whether any tile has several
) (
    input  logic                 clk,
    input  logic                 read,
    input  logic                 opens,       // first word of a wave, or of all groups of a vector step
    input  logic                 begins,      // of the groups of a descriptor
    input  logic                 groups,      // of any group
    input  logic                 enters,      // of the first group of a run
    input  logic [2:0]           runs,
    input  logic [15:0]          count,       // results of the word
    input  logic [COUNT-1:0]     tiles_w,     // of the wave
    input  logic [COUNT-1:0]     tiles_h,
    input  logic [COUNT-1:0]     tiles_t,
    /* verilator lint_off UNUSEDSIGNAL */     // tiles have fewer
    input  logic [23:0]          size,        // outputs of a tile along T, H, W
    input  logic [23:0]          left,        // of the last tile along each
    /* verilator lint_on UNUSEDSIGNAL */
    // What a descriptor says: `keep_rows` to `keep_to_end`, and `keep_base` to `keep_ring_last`.
    input  logic [COUNT*10-1:0]  counts,
    input  logic [PLACE*23-1:0]  steps,
    input  logic [1:0]           axis,        // of the ring
    output logic [PICKED*PLACE-1:0] places,
    output logic [PICKED-1:0]    laps         // it lies behind the end of the ring, at its begin
);
    // Channels side by side; where the first is in its block, and how large that is; channels of a block from the first to
    // those behind, and to those that a run begins with; what it begins with; positions along the ring to its end.
    wire [COUNT-1:0] channels, among, block, behind_among, from_among, from_row, from_w, from_h, from_t, to_end;
    assign {to_end, from_t, from_h, from_w, from_row, from_among, behind_among, block, among, channels} = counts;
    // Places: of the first channel at the first position, from the last of a block to the next one's first, of the last block,
    // from the first to those that a run begins with, and to those behind.
    wire [PLACE-1:0] base, next_block, last_block, from_step, behind_step;
    // How far positions lie apart in the last block, and in full ones: side by side, in rows and frames; the first result;
    // from the first of a tile to that of the next one along W, H and T, and back to the first of all; and the ring.
    localparam int TWO = 2 * PLACE;
    wire [TWO-1:0] units, lines, frames, positions, steps_w, steps_h, steps_t, backs, rings;
    assign {rings, backs, steps_t, steps_h, steps_w, positions, frames, lines, units, behind_step, from_step, last_block,
            next_block, base} = steps;

    localparam int CHANNEL = PLACE + COUNT;
    // A channel so many places, and so many channels of a block, behind another.
    function automatic logic [CHANNEL-1:0] behind(input logic [CHANNEL-1:0] from, input logic [PLACE-1:0] step,
                                                  input logic [COUNT-1:0] more, input logic [COUNT-1:0] wide,
                                                  input logic [PLACE-1:0] next_one);
        logic [COUNT:0] sum;
        sum = (COUNT + 1)'(from[COUNT-1:0]) + (COUNT + 1)'(more);
        if (sum >= (COUNT + 1)'(wide))
            behind = {from[CHANNEL-1:COUNT] + step + next_one - PLACE'(1), COUNT'(sum - (COUNT + 1)'(wide))};
        else behind = {from[CHANNEL-1:COUNT] + step, COUNT'(sum)};
    endfunction

    function automatic logic [TWO-1:0] both(input logic [TWO-1:0] one, input logic [TWO-1:0] other);
        both = {one[TWO-1:PLACE] + other[TWO-1:PLACE], one[PLACE-1:0] + other[PLACE-1:0]};
    endfunction

    // The run that comes next: its first channel, its position, and that of its plane.
    logic [COUNT-1:0] run_h, run_t, now_h, now_t, then_h, then_t;
    logic [CHANNEL-1:0] run_channel, now_channel, then_channel;
    logic [TWO-1:0] run_at, now_at, then_at, run_plane, now_plane, then_plane;
    wire jumps = runs == 3'd5 ? groups : enters && runs != 3'd0 && !runs[2];
    always_comb begin
        {now_h, now_t, now_channel} = begins ? {{(2 * COUNT) {1'b0}}, base, among} : {run_h, run_t, run_channel};
        {now_at, now_plane} = begins ? {positions, positions} : {run_at, run_plane};
        {then_h, then_t, then_channel, then_at, then_plane} = {now_h, now_t, now_channel, now_at, now_plane};
        if (runs == 3'd1) begin
            then_h = now_h + COUNT'(1);
            then_at = both(now_at, lines);
        end
        if (runs == 3'd2 || runs == 3'd5 || (runs == 3'd1 && then_h == tiles_h)) begin
            then_h = '0;
            then_t = now_t + COUNT'(1);
            then_at = both(now_plane, frames);
            then_plane = then_at;
        end
        if (runs == 3'd3 || then_t == tiles_t) begin
            then_t = '0;
            {then_at, then_plane} = {positions, positions};
            then_channel = behind(now_channel, behind_step, behind_among, block, next_block);
        end
    end

    // What a word begins with: see `lw_place`.
    localparam int STATE = 6 * COUNT + 3 * TILE + 2 * CHANNEL + 4 * TWO;
    logic [STATE-1:0] next, begin_at;
    logic [COUNT-1:0] h, t, turn;
    always_comb begin
        h = from_h + now_h;
        t = from_t + now_t;
        turn = axis == 2'd0 ? t : axis == 2'd1 ? h : from_w;
        begin_at = next;
        if (opens || jumps)
            begin_at = {from_row, from_w, h, t, {(3 * TILE) {1'b0}},
                        behind(now_channel, from_step, from_among, block, next_block), now_channel, turn, turn, {4{now_at}}};
    end

    // From one result of the word to the next.
    genvar i;
    generate
        for (i = 0; i < PICKED; i = i + 1) begin : g_result
            wire [STATE-1:0] here, behind_it;
            if (i == 0) begin : g_first
                assign here = begin_at;
            end else begin : g_next
                assign here = g_result[i-1].behind_it;
            end
            lw_place #(.PLACE(PLACE), .COUNT(COUNT), .TILE(TILE), .TILED(TILED)) u_place (
                .works(16'(i) < count), .tiles_w, .tiles_h, .tiles_t, .size, .left, .channels, .block, .to_end, .next_block,
                .last_block, .units, .lines, .frames, .steps_w, .steps_h, .steps_t, .backs, .rings, .axis, .here,
                .behind_it, .place(places[PLACE*i+:PLACE]), .lap(laps[i])
            );
        end
    endgenerate

    always_ff @(posedge clk)
        if (read) begin
            next <= g_result[PICKED-1].behind_it;
            if (jumps)
                {run_h, run_t, run_channel, run_at, run_plane} <= {then_h, then_t, then_channel, then_at, then_plane};
        end
endmodule
