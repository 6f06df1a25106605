// The feed: walks over the taps of a round, and over the tiles behind each other of every tap.
module lw_feed (
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
    output logic        busy,
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
    wire ends_depth = deepest;
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
        end else if (busy) begin
            busy <= !last;
            depth <= ends_depth ? 16'd0 : depth + 16'd1;
            column <= ends_column ? 16'd0 : ends_depth ? column + 16'd1 : column;
            row <= ends_row ? 16'd0 : ends_column ? row + 16'd1 : row;
            frame <= ends_row ? frame + 16'd1 : frame;
        end
    end
endmodule
