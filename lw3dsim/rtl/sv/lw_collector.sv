// The collector: picks the outputs of a word out of those of one depth: the channels of a position side by side, then the
// positions of a tile, then the tiles of the lanes. Positions of ragged tiles beyond the border are left out.
//
// Every row takes the files of the positions that a word has a part of, the first rows those of most; what is taken is laid
// side by side for as many rows as work, and the word begins within the first position.
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
    localparam int POSITION = $clog2(PICKED + 1);
    // Position in the tile, its lane of the column; where the tile lies in the wave; and the file of the result, with those
    // that the line, the plane, the tile and the column begin with.
    logic [IN_TILE-1:0] pw, ph, pt, lane, vw, vh, vt;
    logic [TILE_BITS-1:0] w, h, t;
    logic [FILE_BITS-1:0] file, line, plane, tile, col, face;
    localparam int STATE = 4 * IN_TILE + 5 * FILE_BITS + 3 * TILE_BITS;
    logic [STATE-1:0] next, behind;
    logic [PICKED*FILE_BITS-1:0] files;

    // The rows of the outputs, and how many positions the word ends.
    logic [ROW_BITS-1:0] next_row, row, behind_row;
    logic [POSITION-1:0] position, ended;
    wire [ROW_BITS-1:0] from = begins ? '0 : next_row;
    always_comb begin
        row = from;
        behind_row = row;
        position = '0;
        ended = '0;
        for (int i = 0; i < PICKED; i++) begin
            rows[16*i+:16] = 16'(row);
            row = row + ROW_BITS'(1);
            if (row == ROW_BITS'(channels)) begin
                row = '0;
                position = position + POSITION'(1);
            end
            if (16'(i) + 16'd1 == count) {behind_row, ended} = {row, position};
        end
    end

    always_comb begin
        {pw, ph, pt, lane, file, line, plane, tile, col, w, h, t} = next;
        if (begins) {pw, ph, pt, lane, file, line, plane, tile, col} = '0;
        if (opens) {w, h, t} = '0;
        behind = {pw, ph, pt, lane, file, line, plane, tile, col, w, h, t};
        face = FILE_BITS'(size[15:8]) * FILE_BITS'(size[7:0]);
        vw = '0;
        vh = '0;
        vt = '0;
        for (int k = 0; k < PICKED; k++) begin
            files[FILE_BITS*k+:FILE_BITS] = file;
            vw = IN_TILE'(w + TILE_BITS'(1) == TILE_BITS'(tiles_w) ? left[7:0] : size[7:0]);
            vh = IN_TILE'(h + TILE_BITS'(1) == TILE_BITS'(tiles_h) ? left[15:8] : size[15:8]);
            vt = IN_TILE'(t + TILE_BITS'(1) == TILE_BITS'(tiles_t) ? left[23:16] : size[23:16]);
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
            if (POSITION'(k) + POSITION'(1) == ended) behind = {pw, ph, pt, lane, file, line, plane, tile, col, w, h, t};
        end
    end

    wire [ROWS*PICKED*BITS-1:0] taken;
    genvar r;
    generate
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            // Where more rows work, a word has a part of fewer positions.
            localparam int TAKEN = (PICKED - 1) / (r + 1) + 1;
            wire [TAKEN*BITS-1:0] own;
            lw_collected_row #(.FILES(FILES), .FILE(FILE_BITS), .TAKEN(TAKEN), .BITS(BITS)) u_taken (
                .files(files[TAKEN*FILE_BITS-1:0]), .results(results[BITS*FILES*r+:BITS*FILES]), .taken(own)
            );
            assign taken[PICKED*BITS*r+:PICKED*BITS] = (PICKED*BITS)'(own);
        end
    endgenerate
    lw_beside #(.ROWS(ROWS), .PICKED(PICKED), .BITS(BITS)) u_beside (.rows(channels), .from(16'(from)), .taken, .picked);

    always_ff @(posedge clk)
        if (read) begin
            next <= behind;
            next_row <= behind_row;
        end
endmodule
