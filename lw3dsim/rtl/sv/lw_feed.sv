// The feed: walks over the taps of a round, over the tiles behind each other of every tap, and over the parts of a tile that
// has more coordinates than a PE multipliers. A tap takes as long as its tiles are transformed, whole tiles a cycle, or one
// in some cycles.
module lw_feed #(
    parameter int ONCHIP = 1       // whether weights are transformed here
) (
    input  logic        clk,
    input  logic        rst,
    input  logic        start,     // from the next cycle on
    input  logic        bank_in,
    input  logic        set_in,
    input  logic        opens_in,
    input  logic [15:0] frames,    // taps along T, H and W
    input  logic [15:0] rows,
    input  logic [15:0] columns,
    input  logic [15:0] depths,    // tiles behind each other
    input  logic [7:0]  passes,    // parts of a tile
    input  logic [15:0] tiles,     // to be transformed, of a tap; 0: none
    input  logic [15:0] tiles_each,   // in a cycle
    input  logic [15:0] cycles_each,  // or for one
    input  logic [15:0] kernels,      // likewise of weights
    input  logic [15:0] kernels_each,
    input  logic [15:0] kernel_cycles,
    output logic        busy,
    output logic        works,     // tiles are fed in this cycle
    output logic        last,      // last cycle of the round
    output logic        bank,
    output logic        set,
    output logic        first,     // first product of an accumulator
    output logic [15:0] frame,
    output logic [15:0] row,
    output logic [15:0] column,
    output logic [15:0] depth,
    output logic [15:0] place,     // of the accumulators
    output logic [7:0]  part,
    output logic        ends_tile,
    output logic        deepest    // the last of the tiles behind each other
);
    logic        opens, fed, fresh;
    logic [31:0] rest, kernels_rest;
    assign deepest = depth + 16'd1 == depths;
    assign ends_tile = part + 8'd1 == passes;
    wire [31:0] left = fresh ? 32'(tiles) * 32'(cycles_each) : rest;
    wire [31:0] kernels_left = fresh ? 32'(kernels) * 32'(kernel_cycles) : kernels_rest;
    wire made_tiles = left <= 32'(tiles_each), made_kernels;
    generate
        if (ONCHIP != 0) begin : g_kernels
            assign made_kernels = kernels_left <= 32'(kernels_each);
        end else begin : g_none
            assign made_kernels = 1'b1;
        end
    endgenerate
    wire transformed = made_tiles && made_kernels;
    wire ends_places = deepest && ends_tile;
    wire ends_depth = (fed || ends_places) && transformed;
    assign works = busy && !fed;
    wire ends_column = ends_depth && column + 16'd1 == columns;
    wire ends_row = ends_column && row + 16'd1 == rows;
    assign last = busy && ends_row && frame + 16'd1 == frames;
    assign first = opens && frame == 16'd0 && row == 16'd0 && column == 16'd0;

    always_ff @(posedge clk) begin
        if (rst) busy <= 1'b0;
        else if (start) begin
            busy <= 1'b1;
            bank <= bank_in;
            set <= set_in;
            opens <= opens_in;
            {frame, row, column, depth, place, part} <= 88'd0;
            fed <= 1'b0;
            fresh <= 1'b1;
        end else if (busy) begin
            busy <= !last;
            fresh <= ends_depth;
            rest <= made_tiles ? 32'd0 : left - 32'(tiles_each);
            kernels_rest <= made_kernels ? 32'd0 : kernels_left - 32'(kernels_each);
            fed <= !ends_depth && (fed || ends_places);
            if (ends_depth) {depth, place, part} <= 40'd0;
            else if (!fed && !ends_places) begin
                part <= ends_tile ? 8'd0 : part + 8'd1;
                depth <= ends_tile ? depth + 16'd1 : depth;
                place <= place + 16'd1;
            end
            column <= ends_column ? 16'd0 : ends_depth ? column + 16'd1 : column;
            row <= ends_row ? 16'd0 : ends_column ? row + 16'd1 : row;
            frame <= ends_row ? frame + 16'd1 : frame;
        end
    end
endmodule
