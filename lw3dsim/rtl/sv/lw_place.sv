// The place of a result of a word in an intermediate tensor, and what that of the next one begins with: see `lw_places`.
module lw_place #(
    parameter int PLACE = 16,
    parameter int COUNT = 16,
    parameter int TILE = 3,
    parameter int TILED = 1,
    localparam int CHANNEL = PLACE + COUNT,
    localparam int TWO = 2 * PLACE,
    localparam int STATE = 6 * COUNT + 3 * TILE + 2 * CHANNEL + 4 * TWO
) (
    input  logic               works,      // it is one of the word; behind the last nothing goes on
    input  logic [COUNT-1:0]   tiles_w,
    input  logic [COUNT-1:0]   tiles_h,
    input  logic [COUNT-1:0]   tiles_t,
    /* verilator lint_off UNUSEDSIGNAL */  // tiles have fewer
    input  logic [23:0]        size,
    input  logic [23:0]        left,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [COUNT-1:0]   channels,
    input  logic [COUNT-1:0]   block,
    input  logic [COUNT-1:0]   to_end,
    input  logic [PLACE-1:0]   next_block,
    input  logic [PLACE-1:0]   last_block,
    input  logic [TWO-1:0]     units,
    input  logic [TWO-1:0]     lines,
    input  logic [TWO-1:0]     frames,
    input  logic [TWO-1:0]     steps_w,
    input  logic [TWO-1:0]     steps_h,
    input  logic [TWO-1:0]     steps_t,
    input  logic [TWO-1:0]     backs,
    input  logic [TWO-1:0]     rings,
    input  logic [1:0]         axis,
    input  logic [STATE-1:0]   here,
    output logic [STATE-1:0]   behind_it,
    output logic [PLACE-1:0]   place,
    output logic               lap
);
    // Row, position in the tile, and tile; the channel and that of the first row; the position along the ring, with that
    // which the tile begins with; the position, with those that its line, plane and tile begin with.
    logic [COUNT-1:0] row, w, h, t;
    logic [TILE-1:0] pw, ph, pt, vw, vh, vt;
    logic [CHANNEL-1:0] channel, first, after;
    logic [COUNT-1:0] turn, turn_tile;
    logic [TWO-1:0] at, at_line, at_plane, at_tile, origin, step;
    logic [PLACE-1:0] from_place, round;
    logic is_last, ends_block, ends_row, ends_line, ends_plane, ends_tile, ends_w, ends_h, ends_t;
    logic moves, turns_back, leaves, restarts;
    always_comb begin
        {row, w, h, t, pw, ph, pt, channel, first, turn, turn_tile, at, at_line, at_plane, at_tile} = here;
        is_last = channel[CHANNEL-1:COUNT] >= last_block;
        lap = turn >= to_end;
        from_place = is_last ? at[TWO-1:PLACE] : at[PLACE-1:0];
        round = lap ? (is_last ? rings[TWO-1:PLACE] : rings[PLACE-1:0]) : '0;
        place = channel[CHANNEL-1:COUNT] + from_place - round;

        vw = TILE'(w + COUNT'(1) == tiles_w ? left[7:0] : size[7:0]);
        vh = TILE'(h + COUNT'(1) == tiles_h ? left[15:8] : size[15:8]);
        vt = TILE'(t + COUNT'(1) == tiles_t ? left[23:16] : size[23:16]);
        ends_row = works && row + COUNT'(1) == channels;
        ends_line = ends_row && (TILED == 0 || pw + TILE'(1) == vw);
        ends_plane = ends_line && (TILED == 0 || ph + TILE'(1) == vh);
        ends_tile = ends_plane && (TILED == 0 || pt + TILE'(1) == vt);
        ends_w = ends_tile && w + COUNT'(1) == tiles_w;
        ends_h = ends_w && h + COUNT'(1) == tiles_h;
        ends_t = ends_h && t + COUNT'(1) == tiles_t;
        row = ends_row ? '0 : row + COUNT'(works);
        pw = ends_line ? '0 : pw + TILE'(ends_row);
        ph = ends_plane ? '0 : ph + TILE'(ends_line);
        pt = ends_tile ? '0 : pt + TILE'(ends_plane);
        w = ends_w ? '0 : w + COUNT'(ends_tile);
        h = ends_h ? '0 : h + COUNT'(ends_w);
        t = ends_t ? '0 : t + COUNT'(ends_h);

        ends_block = works && channel[COUNT-1:0] + COUNT'(1) == block;
        after[CHANNEL-1:COUNT] = channel[CHANNEL-1:COUNT] + (ends_block ? next_block : PLACE'(works));
        after[COUNT-1:0] = ends_block ? '0 : channel[COUNT-1:0] + COUNT'(works);
        channel = ends_row && !ends_t ? first : after;
        first = ends_t ? after : first;

        // One of these is the last that ends.
        origin = TILED == 0 ? at : {TWO{ends_tile}} & at_tile | {TWO{ends_plane && !ends_tile}} & at_plane |
                 {TWO{ends_line && !ends_plane}} & at_line | {TWO{!ends_line}} & at;
        step = {TWO{ends_t}} & backs | {TWO{ends_h && !ends_t}} & steps_t | {TWO{ends_w && !ends_h}} & steps_h |
               {TWO{ends_tile && !ends_w}} & steps_w | {TWO{ends_plane && !ends_tile}} & frames |
               {TWO{ends_line && !ends_plane}} & lines | {TWO{ends_row && !ends_line}} & units;
        at = {origin[TWO-1:PLACE] + step[TWO-1:PLACE], origin[PLACE-1:0] + step[PLACE-1:0]};
        if (ends_line) at_line = at;
        if (ends_plane) at_plane = at;
        if (ends_tile) at_tile = at;

        // Along the axis of the ring: the next position, back to the first of the tile, the next tile, the first of all.
        moves = axis == 2'd0 ? ends_plane : axis == 2'd1 ? ends_line : ends_row;
        turns_back = axis == 2'd0 ? ends_tile : axis == 2'd1 ? ends_plane : ends_line;
        leaves = axis == 2'd0 ? ends_h : axis == 2'd1 ? ends_w : ends_tile;
        restarts = axis == 2'd0 ? ends_t : axis == 2'd1 ? ends_h : ends_w;
        turn = restarts ? '0 : turns_back && !leaves ? turn_tile : turn + COUNT'(moves);
        if (leaves) turn_tile = turn;
        behind_it = {row, w, h, t, pw, ph, pt, channel, first, turn, turn_tile, at, at_line, at_plane, at_tile};
    end
endmodule
