// Counts the outputs of a depth: of the tile of every lane those that the step has, of every row.
module lw_kept #(
    parameter int LANES = 4
) (
    input  logic        clk,
    input  logic        opens,    // the first depth of a wave comes next
    input  logic        step,     // the depth is done
    input  logic [15:0] working,  // lanes with a tile
    input  logic [15:0] rows,
    input  logic [15:0] tiles_w,  // of the wave
    input  logic [15:0] tiles_h,
    input  logic [15:0] tiles_t,
    input  logic [23:0] size,     // outputs of a tile along T, H, W
    input  logic [23:0] left,     // of the last tile along each
    output logic [15:0] outputs
);
    logic [15:0] next_w, next_h, next_t, w, h, t, positions;
    logic [7:0]  vw, vh, vt, of_tile;

    always_comb begin
        {w, h, t} = {next_w, next_h, next_t};
        {vt, vh, vw} = size;
        positions = 16'd0;
        of_tile = 8'd0;
        for (int lane = 0; lane < LANES; lane++)
            if (16'(lane) < working) begin
                vw = w + 16'd1 == tiles_w ? left[7:0] : size[7:0];
                vh = h + 16'd1 == tiles_h ? left[15:8] : size[15:8];
                vt = t + 16'd1 == tiles_t ? left[23:16] : size[23:16];
                of_tile = vt * vh * vw;  // as many as coordinates have numbers for
                positions = positions + 16'(of_tile);
                w = w + 16'd1;
                if (w == tiles_w) begin
                    w = 16'd0;
                    h = h + 16'd1;
                end
                if (h == tiles_h) begin
                    h = 16'd0;
                    t = t + 16'd1;
                end
            end
        outputs = positions * rows;
    end

    always_ff @(posedge clk)
        if (opens) {next_w, next_h, next_t} <= 48'd0;
        else if (step) {next_w, next_h, next_t} <= {w, h, t};
endmodule
