// The feed: walks over the taps of a round, and over the tiles behind each other of every tap. A tap takes as long as its
// tiles are transformed, `TILES` a cycle, or one in `CYCLES`.
module lw_feed #(
    parameter int TILES = 1,
    parameter int CYCLES = 1
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
    input  logic [15:0] transforms,  // of a tap; 0: none
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
    output logic        deepest    // the last of the tiles behind each other
);
    logic opens;
    assign deepest = depth + 16'd1 == depths;
    logic        fed, fresh;
    logic [31:0] rest;
    wire [31:0] all = 32'(transforms) * CYCLES;
    wire [31:0] left = fresh ? all : rest;
    wire transformed = left <= TILES;
    wire ends_depth = (fed || deepest) && transformed;
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
            {frame, row, column, depth} <= 64'd0;
            fed <= 1'b0;
            fresh <= 1'b1;
        end else if (busy) begin
            busy <= !last;
            fresh <= ends_depth;
            rest <= transformed ? 32'd0 : left - TILES;
            fed <= !ends_depth && (fed || deepest);
            depth <= ends_depth ? 16'd0 : fed || deepest ? depth : depth + 16'd1;
            column <= ends_column ? 16'd0 : ends_depth ? column + 16'd1 : column;
            row <= ends_row ? 16'd0 : ends_column ? row + 16'd1 : row;
            frame <= ends_row ? frame + 16'd1 : frame;
        end
    end
endmodule
