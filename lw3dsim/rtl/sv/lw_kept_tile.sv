// Counts the outputs of the tile of a lane, and goes on to the next tile: see `lw_kept`.
module lw_kept_tile #(
    parameter int TILE_BITS = 7,
    parameter int IN_TILE = 3,
    parameter int ALL = 6,
    localparam int STATE = 3 * TILE_BITS + ALL
) (
    input  logic                 works,    // the lane has a tile
    input  logic [TILE_BITS-1:0] tiles_w,
    input  logic [TILE_BITS-1:0] tiles_h,
    input  logic [TILE_BITS-1:0] tiles_t,
    input  logic [8*IN_TILE-1:0] sizes,
    input  logic [STATE-1:0]     here,     // the tile, and outputs of lanes before
    output logic [STATE-1:0]     behind_it
);
    wire [TILE_BITS-1:0] w, h, t;
    wire [ALL-1:0]       positions;
    assign {w, h, t, positions} = here;
    wire last_w = w + TILE_BITS'(1) == tiles_w, last_h = h + TILE_BITS'(1) == tiles_h, last_t = t + TILE_BITS'(1) == tiles_t;
    wire [IN_TILE-1:0] many;
    lw_pick #(.WORDS(8), .BITS(IN_TILE)) u_many (.which(16'({last_t, last_h, last_w})), .words(sizes), .picked(many));
    wire [TILE_BITS-1:0] next_w = last_w ? '0 : w + TILE_BITS'(1);
    wire [TILE_BITS-1:0] next_h = !last_w ? h : last_h ? '0 : h + TILE_BITS'(1);
    wire [TILE_BITS-1:0] next_t = last_w && last_h ? t + TILE_BITS'(1) : t;
    assign behind_it = works ? {next_w, next_h, next_t, positions + ALL'(many)} : here;
endmodule
