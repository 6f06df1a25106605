// The file of the results of a position of a word, and what the next position begins with: see `lw_collector`.
module lw_position #(
    parameter int PLACES = 4,
    parameter int FILE_BITS = 3,
    parameter int TILE_BITS = 7,
    localparam int IN_TILE = $clog2(PLACES + 1),
    localparam int STATE = 4 * IN_TILE + 5 * FILE_BITS + 3 * TILE_BITS
) (
    /* verilator lint_off UNUSEDSIGNAL */  // beyond what there is to count
    input  logic [7:0]           span,
    input  logic [7:0]           per_col,
    input  logic [15:0]          tiles_w,
    input  logic [15:0]          tiles_h,
    input  logic [15:0]          tiles_t,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [23:0]          size,
    input  logic [23:0]          left,
    input  logic [FILE_BITS-1:0] face,     // of a tile
    input  logic [STATE-1:0]     here,
    output logic [STATE-1:0]     behind_it,
    output logic [FILE_BITS-1:0] file
);
    // Position in the tile, its lane of the column; where the tile lies in the wave; and the file of the result, with those
    // that the line, the plane, the tile and the column begin with.
    logic [IN_TILE-1:0] pw, ph, pt, lane, vw, vh, vt;
    logic [TILE_BITS-1:0] w, h, t;
    logic [FILE_BITS-1:0] next_file, line, plane, tile, col;
    always_comb begin
        {pw, ph, pt, lane, next_file, line, plane, tile, col, w, h, t} = here;
        file = next_file;
        vw = IN_TILE'(w + TILE_BITS'(1) == TILE_BITS'(tiles_w) ? left[7:0] : size[7:0]);
        vh = IN_TILE'(h + TILE_BITS'(1) == TILE_BITS'(tiles_h) ? left[15:8] : size[15:8]);
        vt = IN_TILE'(t + TILE_BITS'(1) == TILE_BITS'(tiles_t) ? left[23:16] : size[23:16]);
        pw = pw + IN_TILE'(1);
        next_file = next_file + FILE_BITS'(1);
        if (pw == vw) begin
            pw = '0;
            ph = ph + IN_TILE'(1);
            line = line + FILE_BITS'(size[7:0]);
            next_file = line;
        end
        if (ph == vh) begin
            ph = '0;
            pt = pt + IN_TILE'(1);
            plane = plane + face;
            {next_file, line} = {plane, plane};
        end
        if (pt == vt) begin
            pt = '0;
            lane = lane + IN_TILE'(1);
            tile = tile + FILE_BITS'(span);
            if (lane == IN_TILE'(per_col)) begin
                lane = '0;
                col = col + FILE_BITS'(PLACES);
                tile = col;
            end
            {next_file, line, plane} = {tile, tile, tile};
            w = w + TILE_BITS'(1);
            if (w == TILE_BITS'(tiles_w)) begin
                w = '0;
                h = h + TILE_BITS'(1);
            end
            if (h == TILE_BITS'(tiles_h)) begin
                h = '0;
                t = t + TILE_BITS'(1);
            end
        end
        behind_it = {pw, ph, pt, lane, next_file, line, plane, tile, col, w, h, t};
    end
endmodule
