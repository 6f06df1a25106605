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
    logic [TILE_BITS-1:0] next_w, next_h, next_t, w, h, t;
    logic [ALL-1:0]       positions;
    logic                 last_w, last_h, last_t;

    // Outputs of a tile that is the last along none, W, H, both, and so on: the same for all lanes.
    wire [IN_TILE-1:0] sizes[8];
    genvar i;
    generate
        for (i = 0; i < 8; i = i + 1) begin : g_sort
            assign sizes[i] = IN_TILE'(i >= 4 ? left[23:16] : size[23:16]) *
                              IN_TILE'(i % 4 >= 2 ? left[15:8] : size[15:8]) *
                              IN_TILE'(i % 2 == 1 ? left[7:0] : size[7:0]);
        end
    endgenerate

    always_comb begin
        {w, h, t} = {next_w, next_h, next_t};
        {last_w, last_h, last_t} = 3'b0;
        positions = '0;
        for (int lane = 0; lane < LANES; lane++)
            if (LANE_BITS'(lane) < LANE_BITS'(working)) begin
                last_w = w + TILE_BITS'(1) == TILE_BITS'(tiles_w);
                last_h = h + TILE_BITS'(1) == TILE_BITS'(tiles_h);
                last_t = t + TILE_BITS'(1) == TILE_BITS'(tiles_t);
                positions = positions + ALL'(sizes[{last_t, last_h, last_w}]);
                w = last_w ? '0 : w + TILE_BITS'(1);
                if (last_w) h = last_h ? '0 : h + TILE_BITS'(1);
                if (last_w && last_h) t = t + TILE_BITS'(1);
            end
        outputs = 16'(positions) * rows;
    end

    always_ff @(posedge clk)
        if (opens) {next_w, next_h, next_t} <= '0;
        else if (step) {next_w, next_h, next_t} <= {w, h, t};
endmodule
