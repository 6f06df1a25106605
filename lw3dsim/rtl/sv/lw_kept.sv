// Counts the outputs of a depth: of the tile of every lane those that the step has, of every row.
module lw_kept #(
    parameter int LANES = 4,
    parameter int PLACES = 4,  // of a PE: a tile has no more outputs
    parameter int PLACE = 4    // bits of a place in an accumulator file
) (
    input  logic        clk,
    input  logic        opens,    // the first depth of a wave comes next
    input  logic        step,     // the depth is done
    /* verilator lint_off UNUSEDSIGNAL */  // beyond what there is to count
    input  logic [15:0] working,  // lanes with a tile
    input  logic [15:0] rows,
    input  logic [15:0] tiles_w,  // of the wave
    input  logic [15:0] tiles_h,
    input  logic [15:0] tiles_t,
    input  logic [23:0] size,     // outputs of a tile along T, H, W
    input  logic [23:0] left,     // of the last tile along each
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [15:0] outputs
);
    localparam int LANE_BITS = $clog2(LANES + 1);
    localparam int IN_TILE = $clog2(PLACES + 1);
    localparam int TILE_BITS = LANE_BITS + PLACE;
    localparam int ALL = LANE_BITS + IN_TILE;
    localparam int STATE = 3 * TILE_BITS + ALL;
    logic [3*TILE_BITS-1:0] next;

    // Outputs of a tile that is the last along none, W, H, both, and so on: the same for all lanes.
    wire [8*IN_TILE-1:0] sizes;
    genvar i;
    generate
        for (i = 0; i < 8; i = i + 1) begin : g_sort
            assign sizes[IN_TILE*i+:IN_TILE] = IN_TILE'(i >= 4 ? left[23:16] : size[23:16]) *
                              IN_TILE'(i % 4 >= 2 ? left[15:8] : size[15:8]) *
                              IN_TILE'(i % 2 == 1 ? left[7:0] : size[7:0]);
        end
    endgenerate

    generate
        for (i = 0; i < LANES; i = i + 1) begin : g_lane
            wire [STATE-1:0] here, behind_it;
            if (i == 0) begin : g_first
                assign here = {next, ALL'(0)};
            end else begin : g_next
                assign here = g_lane[i-1].behind_it;
            end
            lw_kept_tile #(.TILE_BITS(TILE_BITS), .IN_TILE(IN_TILE), .ALL(ALL)) u_tile (
                .works(LANE_BITS'(i) < LANE_BITS'(working)), .tiles_w(TILE_BITS'(tiles_w)), .tiles_h(TILE_BITS'(tiles_h)),
                .tiles_t(TILE_BITS'(tiles_t)), .sizes, .here, .behind_it
            );
        end
    endgenerate
    wire [ALL-1:0] positions = g_lane[LANES-1].behind_it[ALL-1:0];
    assign outputs = 16'(positions) * rows;

    always_ff @(posedge clk)
        if (opens) next <= '0;
        else if (step) next <= g_lane[LANES-1].behind_it[STATE-1:ALL];
endmodule
