// Where the results of a word go in an intermediate tensor, in the order in which the collector picks them: the channels
// of a position side by side, then the positions of a tile, then the tiles, then the channels behind.
//
// The tensor lies in blocks of `block` channels, `pitch` elements apart, in each positions side by side; the last block may
// have fewer channels. Of a tensor whose halos are kept, positions lie in rings: see `lw_rounds`.
// Groups of a vector step that follow runs, of rows, frames or blocks (`runs` 1, 2, 3), begin anew with each run, at
// some place in it; those of frames (5), each in the next.
module lw_places #(
    parameter int PICKED = 8
) (
    input  logic                 clk,
    input  logic                 read,
    input  logic                 opens,     // first word of a wave, or of all groups of a vector step
    input  logic                 begins,    // of the groups of a descriptor
    input  logic                 groups,    // of any group
    input  logic                 enters,    // of the first group of a run
    input  logic [2:0]           runs,
    input  logic [15:0]          from_row,  // where it begins in a run
    input  logic [15:0]          from_w,
    input  logic [15:0]          from_h,
    input  logic [15:0]          from_t,
    input  logic [15:0]          count,     // results of the word
    input  logic [15:0]          channels,  // side by side
    input  logic [15:0]          tiles_w,   // of the wave
    input  logic [15:0]          tiles_h,
    input  logic [15:0]          tiles_t,
    input  logic [23:0]          size,      // outputs of a tile along T, H, W
    input  logic [23:0]          left,      // of the last tile along each
    input  logic [31:0]          base,      // of the tensor
    input  logic [15:0]          block,
    input  logic [15:0]          all,       // channels
    input  logic [15:0]          first,     // channel of the first row
    input  logic [31:0]          pitch,
    input  logic [31:0]          position,  // of the first output of the wave: its ring,
    input  logic [31:0]          offset,    // and the place within that
    input  logic [31:0]          ring,      // positions; 0: no end
    input  logic [1:0]           axis,
    input  logic [31:0]          frame,     // positions from frame to frame
    input  logic [15:0]          row_pitch,
    output logic [PICKED*32-1:0] places,
    output logic [PICKED-1:0]    laps       // it lies behind the end of the ring, at its begin
);
    logic [15:0] row, pw, ph, pt, w, h, t, beyond, channel, ahead, among, wide, vw, vh, vt;
    logic [31:0] at, along, frames, lines;
    logic [16*8-1:0] next, behind;
    // The run that comes next.
    logic [15:0] run_h, run_t, run_beyond, now_h, now_t, now_beyond, then_h, then_t, then_beyond;
    wire jumps = runs == 3'd5 ? groups : enters && runs != 3'd0 && !runs[2];
    always_comb begin
        {now_h, now_t, now_beyond} = begins ? '0 : {run_h, run_t, run_beyond};
        then_h = runs == 3'd1 ? now_h + 16'd1 : 16'd0;
        then_t = runs == 3'd2 || runs == 3'd5 ? now_t + 16'd1 : now_t;
        then_beyond = runs == 3'd3 ? now_beyond + channels : now_beyond;
        if (runs == 3'd1 && then_h == tiles_h) begin
            then_h = 16'd0;
            then_t = now_t + 16'd1;
        end
        if (runs != 3'd3 && then_t == tiles_t) begin
            then_t = 16'd0;
            then_beyond = now_beyond + channels;
        end
    end

    always_comb begin
        {row, pw, ph, pt, w, h, t, beyond} = opens ? '0 : next;
        if (jumps) begin
            {row, pw, ph, pt} = {from_row, 48'd0};
            {w, h, t, beyond} = {from_w, from_h + now_h, from_t + now_t, now_beyond};
        end
        behind = {row, pw, ph, pt, w, h, t, beyond};
        {channel, ahead, among, wide, vw, vh, vt} = '0;
        {at, along, frames, lines} = '0;
        for (int i = 0; i < PICKED; i++) begin
            vw = w + 16'd1 == tiles_w ? 16'(left[7:0]) : 16'(size[7:0]);
            vh = h + 16'd1 == tiles_h ? 16'(left[15:8]) : 16'(size[15:8]);
            vt = t + 16'd1 == tiles_t ? 16'(left[23:16]) : 16'(size[23:16]);
            channel = first + beyond + row;
            ahead = channel / block;
            among = channel - ahead * block;
            wide = all - ahead * block < block ? all - ahead * block : block;
            frames = (32'(t) * 32'(size[23:16]) + 32'(pt)) * frame;
            lines = (32'(h) * 32'(size[15:8]) + 32'(ph)) * 32'(row_pitch);
            at = position + (axis > 2'd0 ? frames : 32'd0) + (axis > 2'd1 ? lines : 32'd0);
            along = offset + (axis > 2'd0 ? 32'd0 : frames) + (axis > 2'd1 ? 32'd0 : lines) + 32'(w) * 32'(size[7:0]) + 32'(pw);
            laps[i] = ring != 32'd0 && along >= ring;
            at = at + (laps[i] ? along - ring : along);
            places[32*i+:32] = base + 32'(ahead) * pitch + at * 32'(wide) + 32'(among);
            row = row + 16'd1;
            if (row == channels) begin
                row = '0;
                pw = pw + 16'd1;
                if (pw == vw) begin
                    pw = '0;
                    ph = ph + 16'd1;
                end
                if (ph == vh) begin
                    ph = '0;
                    pt = pt + 16'd1;
                end
                if (pt == vt) begin
                    pt = '0;
                    w = w + 16'd1;
                    if (w == tiles_w) begin
                        w = '0;
                        h = h + 16'd1;
                    end
                    if (h == tiles_h) begin
                        h = '0;
                        t = t + 16'd1;
                    end
                    if (t == tiles_t) begin
                        t = '0;
                        beyond = beyond + channels;
                    end
                end
            end
            if (16'(i) + 16'd1 == count) behind = {row, pw, ph, pt, w, h, t, beyond};
        end
    end

    always_ff @(posedge clk)
        if (read) begin
            next <= behind;
            if (jumps) {run_h, run_t, run_beyond} <= {then_h, then_t, then_beyond};
        end
endmodule
