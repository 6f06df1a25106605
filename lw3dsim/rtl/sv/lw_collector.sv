// The collector: picks the outputs of a word out of those of one depth: the channels of a position side by side, then the
// positions of a tile, then the tiles of the lanes. Positions of ragged tiles beyond the border are left out.
module lw_collector #(
    parameter int ROWS = 2,
    parameter int COLS = 2,
    parameter int PLACES = 4,  // of a PE
    parameter int PLACE = 4,   // bits of a place in an accumulator file
    parameter int BITS = 32,
    parameter int PICKED = 8
) (
    input  logic                             clk,
    input  logic                             read,
    input  logic                             opens,     // first word of a wave
    input  logic                             begins,    // first word of a depth
    input  logic [15:0]                      count,     // outputs that the word ends; the next goes on behind
    /* verilator lint_off UNUSEDSIGNAL */  // beyond what there is to count
    input  logic [15:0]                      channels,  // rows that work
    input  logic [7:0]                       span,      // places of a lane
    input  logic [7:0]                       per_col,   // lanes of a column
    input  logic [15:0]                      tiles_w,   // of the wave
    input  logic [15:0]                      tiles_h,
    input  logic [15:0]                      tiles_t,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [23:0]                      size,      // outputs of a tile along T, H, W
    input  logic [23:0]                      left,      // of the last tile along each
    input  logic [ROWS*COLS*PLACES*BITS-1:0]  results,
    output logic [PICKED*BITS-1:0]          picked,
    output logic [PICKED*16-1:0]            rows       // that they come from
);
    // Counters are as wide as what there is to count.
    localparam int FILES = COLS * PLACES;
    localparam int ROW_BITS = $clog2(ROWS + 1);
    localparam int FILE_BITS = $clog2(FILES + 1);
    localparam int IN_TILE = $clog2(PLACES + 1);
    localparam int TILE_BITS = FILE_BITS + PLACE;
    // Row; position in the tile, its lane of the column; where the tile lies in the wave; and the file of the result, with
    // those that the line, the plane, the tile and the column begin with.
    logic [ROW_BITS-1:0] row;
    logic [IN_TILE-1:0] pw, ph, pt, lane, vw, vh, vt;
    logic [TILE_BITS-1:0] w, h, t;
    logic [FILE_BITS-1:0] file, line, plane, tile, col, face;
    localparam int STATE = ROW_BITS + 4 * IN_TILE + 5 * FILE_BITS + 3 * TILE_BITS;
    logic [STATE-1:0] next, behind;

    always_comb begin
        {row, pw, ph, pt, lane, file, line, plane, tile, col, w, h, t} = next;
        if (begins) {row, pw, ph, pt, lane, file, line, plane, tile, col} = '0;
        if (opens) {w, h, t} = '0;
        behind = {row, pw, ph, pt, lane, file, line, plane, tile, col, w, h, t};
        face = FILE_BITS'(size[15:8]) * FILE_BITS'(size[7:0]);
        vw = '0;
        vh = '0;
        vt = '0;
        for (int i = 0; i < PICKED; i++) begin
            vw = IN_TILE'(w + TILE_BITS'(1) == TILE_BITS'(tiles_w) ? left[7:0] : size[7:0]);
            vh = IN_TILE'(h + TILE_BITS'(1) == TILE_BITS'(tiles_h) ? left[15:8] : size[15:8]);
            vt = IN_TILE'(t + TILE_BITS'(1) == TILE_BITS'(tiles_t) ? left[23:16] : size[23:16]);
            rows[16*i+:16] = 16'(row);
            picked[BITS*i+:BITS] = 32'(row) < ROWS && 32'(file) < FILES ?
                results[BITS*(32'(row)*FILES+32'(file))+:BITS] : '0;
            row = row + ROW_BITS'(1);
            if (row == ROW_BITS'(channels)) begin
                row = '0;
                pw = pw + IN_TILE'(1);
                file = file + FILE_BITS'(1);
                if (pw == vw) begin
                    pw = '0;
                    ph = ph + IN_TILE'(1);
                    line = line + FILE_BITS'(size[7:0]);
                    file = line;
                end
                if (ph == vh) begin
                    ph = '0;
                    pt = pt + IN_TILE'(1);
                    plane = plane + face;
                    {file, line} = {plane, plane};
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
                    {file, line, plane} = {tile, tile, tile};
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
            end
            if (16'(i) + 16'd1 == count) behind = {row, pw, ph, pt, lane, file, line, plane, tile, col, w, h, t};
        end
    end

    always_ff @(posedge clk) if (read) next <= behind;
endmodule
