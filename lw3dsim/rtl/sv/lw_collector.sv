// The collector: picks the results of a word out of those of one depth: the channels of a position side by side, then the
// positions of a tile, then the tiles of the lanes. Positions of ragged tiles beyond the border are left out.
module lw_collector #(
    parameter int ROWS = 2,
    parameter int COLS = 2,
    parameter int MULTS = 4,
    parameter int PLACE = 4,   // bits of a place in an accumulator file
    parameter int BITS = 32,
    parameter int RESULTS = 8
) (
    input  logic                             clk,
    input  logic                             read,
    input  logic                             opens,     // first word of a wave
    input  logic                             begins,    // first word of a depth
    input  logic [15:0]                      count,     // results of the word
    /* verilator lint_off UNUSEDSIGNAL */  // beyond what there is to count
    input  logic [15:0]                      channels,  // rows that work
    input  logic [7:0]                       span,      // multipliers of a lane
    input  logic [7:0]                       per_col,   // lanes of a column
    input  logic [15:0]                      tiles_w,   // of the wave
    input  logic [15:0]                      tiles_h,
    input  logic [15:0]                      tiles_t,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [23:0]                      size,      // outputs of a tile along T, H, W
    input  logic [23:0]                      left,      // of the last tile along each
    input  logic [ROWS*COLS*MULTS*BITS-1:0]  results,
    output logic [RESULTS*BITS-1:0]          picked,
    output logic [RESULTS*16-1:0]            rows       // that they come from
);
    // Counters are as wide as what there is to count.
    localparam int FILES = COLS * MULTS;
    localparam int ROW_BITS = $clog2(ROWS + 1);
    localparam int FILE_BITS = $clog2(FILES + 1);
    localparam int IN_TILE = $clog2(MULTS + 1);
    localparam int TILE_BITS = FILE_BITS + PLACE;
    // Row; position in the tile, its lane of the column; where the tile lies in the wave; and the file of the result, with
    // those that the line, the plane, the tile and the column begin with.
    logic [ROW_BITS-1:0] row, next_row;
    logic [IN_TILE-1:0] pw, ph, pt, lane, next_pw, next_ph, next_pt, next_lane, vw, vh, vt;
    logic [TILE_BITS-1:0] w, h, t, next_w, next_h, next_t;
    logic [FILE_BITS-1:0] file, line, plane, tile, col, next_file, next_line, next_plane, next_tile, next_col;
    logic [FILE_BITS-1:0] face;

    always_comb begin
        row = begins ? '0 : next_row;
        {pw, ph, pt, lane} = begins ? '0 : {next_pw, next_ph, next_pt, next_lane};
        {file, line, plane, tile, col} = begins ? '0 : {next_file, next_line, next_plane, next_tile, next_col};
        {w, h, t} = opens ? '0 : {next_w, next_h, next_t};
        face = FILE_BITS'(size[15:8]) * FILE_BITS'(size[7:0]);
        vw = '0;
        vh = '0;
        vt = '0;
        for (int i = 0; i < RESULTS; i++) begin
            vw = IN_TILE'(w + TILE_BITS'(1) == TILE_BITS'(tiles_w) ? left[7:0] : size[7:0]);
            vh = IN_TILE'(h + TILE_BITS'(1) == TILE_BITS'(tiles_h) ? left[15:8] : size[15:8]);
            vt = IN_TILE'(t + TILE_BITS'(1) == TILE_BITS'(tiles_t) ? left[23:16] : size[23:16]);
            rows[16*i+:16] = 16'(row);
            picked[BITS*i+:BITS] = 32'(row) < ROWS && 32'(file) < FILES ?
                results[BITS*(32'(row)*FILES+32'(file))+:BITS] : '0;
            if (16'(i) < count) row = row + ROW_BITS'(1);
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
                        col = col + FILE_BITS'(MULTS);
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
        end
    end

    always_ff @(posedge clk)
        if (read) begin
            next_row <= row;
            {next_pw, next_ph, next_pt, next_lane} <= {pw, ph, pt, lane};
            {next_file, next_line, next_plane, next_tile, next_col} <= {file, line, plane, tile, col};
            {next_w, next_h, next_t} <= {w, h, t};
        end
endmodule
