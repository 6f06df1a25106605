// Weights of the array, row by row, and which multipliers work.
//
// Pixel-parallel, a row has one weight for all multipliers of a PE; channel-parallel one for each; of Winograd tiles a
// multiplier takes the weight of its coordinate, of a part of the tile where that has more than a PE multipliers.
module lw_rows #(
    parameter int ROWS = 2,
    parameter int COLS = 2,
    parameter int MULTS = 4,
    parameter int PLACES = 4,
    parameter int WEIGHT = 8,      // transformed, or as wide as the plain ones
    parameter int TAKEN = 32,      // bits of a row's weights of a tap
    parameter int PLAIN = 8,
    parameter int ONCHIP = 0,      // whether weights of tiles are transformed here
    parameter int TILED = 1        // whether there are algorithms
) (
    input  logic                    clk,
    input  logic                    go,
    input  logic                    tree,
    input  logic [7:0]              mode,      // algorithm; 0: direct
    input  logic [7:0]              part,      // of a tile
    input  logic [7:0]              per_col,   // lanes of a column
    input  logic [PLACES-1:0]       used,      // of each place of a column: whether it is of a tile, its lane
    input  logic [8*PLACES-1:0]     lane,
    input  logic [15:0]             channels,  // in this round
    input  logic [15:0]             working,   // lanes
    input  logic [15:0]             rows,
    input  logic [ROWS*TAKEN-1:0]   kernels,   // weights of the tap, of every row
    output logic [ROWS*MULTS*WEIGHT-1:0] weights,
    output logic [ROWS*COLS*MULTS-1:0]   works
);
    localparam int FILES = COLS * MULTS;
    localparam int PARTS = PLACES / MULTS;
    wire winograd = TILED != 0 && mode != 8'd0;
    wire [ROWS*MULTS*WEIGHT-1:0] taken;
    genvar r, c, m, p;
    generate
        for (c = 0; c < COLS; c = c + 1) begin : g_col
            for (m = 0; m < MULTS; m = m + 1) begin : g_file
                localparam int FILE = c * MULTS + m;
                // Of the part that is taken.
                wire [9*PARTS-1:0] of_parts;
                wire is_used;
                wire [7:0] of_column;
                for (p = 0; p < PARTS; p = p + 1) begin : g_part
                    assign of_parts[9*p+:9] = {used[p*MULTS+m], lane[8*(p*MULTS+m)+:8]};
                end
                lw_pick #(.WORDS(PARTS), .BITS(9)) u_part (.which(16'(part)), .words(of_parts), .picked({is_used, of_column}));
                wire [15:0] own_lane = 16'(c) * 16'(per_col) + 16'(of_column);
                wire here = winograd ? is_used && own_lane < working :
                            tree ? 16'(c) < working && 16'(m) < channels : 16'(FILE) < working;
                always_ff @(posedge clk)
                    for (int row = 0; row < ROWS; row++) works[row*FILES+FILE] <= go && here && 16'(row) < rows;
            end
        end
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            wire [PLACES*WEIGHT-1:0] made;
            if (ONCHIP != 0) begin : g_kernel
                lw_weight_transform #(.PLACES(PLACES), .IN(PLAIN), .OUT(WEIGHT)) u_transform (
                    .mode, .in(kernels[TAKEN*r+:PLACES*PLAIN]), .out(made)
                );
            end else begin : g_stored
                assign made = '0;
            end
            lw_weights #(.KERNELS(TAKEN), .WEIGHT(WEIGHT), .PLAIN(PLAIN)) u_weights (
                .mode, .tree, .part, .kernels(kernels[TAKEN*r+:TAKEN]), .made, .weights(taken[WEIGHT*MULTS*r+:WEIGHT*MULTS])
            );
        end
        if (TILED == 0) begin : g_direct
            wire unused = &{1'b0, per_col};
        end
    endgenerate
    always_ff @(posedge clk) weights <= taken;
endmodule
