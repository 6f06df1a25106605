// The collector: picks the outputs of a word out of those of one depth: the channels of a position side by side, then the
// positions of a tile, then the tiles of the lanes. Positions of ragged tiles beyond the border are left out.
//
// Every row takes the files of the positions that a word has a part of, the first rows those of most; what is taken is laid
// side by side for as many rows as work, and the word begins within the first position.
module lw_collector #(
    parameter int ROWS = 2,
    parameter int COLS = 2,
    parameter int PLACES = 4,  // results of a PE
    parameter int PLACE = 4,   // bits of a place in an accumulator file
    parameter int BITS = 32,
    parameter int PICKED = 8,
    parameter int ROW = 1      // bits of the number of one
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
    output logic [PICKED*ROW-1:0]           rows       // that they come from
);
    // Counters are as wide as what there is to count.
    localparam int FILES = COLS * PLACES;
    localparam int ROW_BITS = $clog2(ROWS + 1);
    localparam int FILE_BITS = $clog2(FILES + 1);
    localparam int IN_TILE = $clog2(PLACES + 1);
    localparam int TILE_BITS = FILE_BITS + PLACE;
    localparam int POSITION = $clog2(PICKED + 1);
    localparam int STATE = 4 * IN_TILE + 5 * FILE_BITS + 3 * TILE_BITS, TILES = 3 * TILE_BITS;
    genvar r, i, k;

    // The rows of the outputs, and how many positions lie before.
    logic [ROW_BITS-1:0] next_row;
    wire  [ROW_BITS-1:0] from = begins ? '0 : next_row;
    wire  [(PICKED+1)*(ROW_BITS+POSITION)-1:0] ends;
    wire  [ROW_BITS-1:0] behind_row;
    wire  [POSITION-1:0] ended;
    generate
        for (i = 0; i <= PICKED; i = i + 1) begin : g_output
            wire [ROW_BITS-1:0] row;
            wire [POSITION-1:0] position;
            if (i == 0) begin : g_first
                assign {row, position} = {from, POSITION'(0)};
            end else begin : g_next
                wire ends_position = g_output[i-1].row + ROW_BITS'(1) == ROW_BITS'(channels);
                assign row = ends_position ? '0 : g_output[i-1].row + ROW_BITS'(1);
                assign position = g_output[i-1].position + POSITION'(ends_position);
            end
            if (i < PICKED) begin : g_there
                assign rows[ROW*i+:ROW] = ROW'(row);
            end
            assign ends[(ROW_BITS+POSITION)*i+:ROW_BITS+POSITION] = {row, position};
        end
    endgenerate
    lw_pick #(.WORDS(PICKED + 1), .BITS(ROW_BITS + POSITION)) u_ended (.which(count), .words(ends), .picked({behind_row, ended}));

    // From one position to the next; the next word goes on behind those that this one ends.
    logic [STATE-1:0] next;
    wire  [STATE-1:0] behind;
    wire  [FILE_BITS-1:0] face = FILE_BITS'(size[15:8]) * FILE_BITS'(size[7:0]);
    wire  [(PICKED+1)*STATE-1:0] states;
    wire  [PICKED*FILE_BITS-1:0] files;
    assign states[STATE-1:0] = {begins ? '0 : next[STATE-1:TILES], opens ? '0 : next[TILES-1:0]};
    generate
        for (k = 0; k < PICKED; k = k + 1) begin : g_position
            wire [STATE-1:0] here, behind_it;
            if (k == 0) begin : g_first
                assign here = states[STATE-1:0];
            end else begin : g_next
                assign here = g_position[k-1].behind_it;
            end
            lw_position #(.PLACES(PLACES), .FILE_BITS(FILE_BITS), .TILE_BITS(TILE_BITS)) u_position (
                .span, .per_col, .tiles_w, .tiles_h, .tiles_t, .size, .left, .face, .here, .behind_it,
                .file(files[FILE_BITS*k+:FILE_BITS])
            );
            assign states[STATE*(k+1)+:STATE] = behind_it;
        end
    endgenerate
    lw_pick #(.WORDS(PICKED + 1), .BITS(STATE)) u_behind (.which(16'(ended)), .words(states), .picked(behind));

    wire [ROWS*PICKED*BITS-1:0] taken;
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
