// One port of the loader: reads the words of a round out of a buffer, or of another, one a cycle, row by row.
//
// A round is `frames` x `rows` runs of `run` words. Its first word is read in the cycle in which it starts. What lies in rings
// goes on at their begin: see `lw_rounds`. Rings are words of an even number.
module lw_reader #(
    parameter int ADDRESS = 16,
    parameter int STEP = 1,   // from word to word of a run
    parameter int OTHER = 1,  // of the other buffer
    parameter int RINGS = 1   // whether there are any
) (
    input  logic               clk,
    input  logic               rst,
    input  logic               start,
    input  logic               other,     // the round is in the other buffer
    input  logic [ADDRESS-1:0] base,      // of the first ring,
    input  logic [ADDRESS-1:0] offset,    // and the place within that
    input  logic [ADDRESS-1:0] ring,      // length; 0: no end
    input  logic [1:0]         axis,
    input  logic [15:0]        run,
    input  logic [15:0]        rows,
    input  logic [15:0]        frames,
    input  logic [ADDRESS-1:0] row_pitch,
    input  logic [ADDRESS-1:0] frame_pitch,
    output logic               read,
    output logic [ADDRESS-1:0] address,
    output logic [ADDRESS-1:0] behind,    // where the next element but a step lies
    output logic [ADDRESS-1:0] to_end,    // elements from the address to the end of the ring
    output logic               lapped,    // it lies behind that end, at its begin
    output logic [15:0]        number     // of the word in its round
);
    logic               busy;
    logic [15:0]        word, row, frame, count;
    logic [ADDRESS-1:0] frame_base, row_base, frame_along, row_along;

    assign read = start || busy;
    assign number = start ? 16'd0 : count;
    wire [15:0] at_word = start ? 16'd0 : word;
    wire [15:0] at_row = start ? 16'd0 : row;
    wire [15:0] at_frame = start ? 16'd0 : frame;
    // Without rings all is one place.
    wire [ADDRESS-1:0] first = RINGS != 0 ? base : '0, first_along = RINGS != 0 ? offset : base;
    wire [ADDRESS-1:0] this_frame = RINGS == 0 || start ? first : frame_base;
    wire [ADDRESS-1:0] this_row = RINGS == 0 || start ? first : row_base;
    wire [ADDRESS-1:0] this_frame_along = start ? first_along : frame_along;
    wire [ADDRESS-1:0] this_row_along = start ? first_along : row_along;
    wire [ADDRESS-1:0] step = other ? ADDRESS'(OTHER) : ADDRESS'(STEP);
    wire [ADDRESS-1:0] apart = other ? ADDRESS'(at_word) * ADDRESS'(OTHER) : ADDRESS'(at_word) * ADDRESS'(STEP);
    wire [ADDRESS-1:0] along = this_row_along + apart;
    wire has_end = RINGS != 0 && ring != '0;
    assign lapped = has_end && along >= ring;
    wire [ADDRESS-1:0] place = lapped ? along - ring : along;
    assign address = this_row + place;
    assign to_end = has_end ? ring - place : '1;
    assign behind = to_end <= step ? this_row : address + step;

    wire ends_run = at_word + 16'd1 == run;
    wire ends_rows = ends_run && at_row + 16'd1 == rows;
    wire ends = ends_rows && at_frame + 16'd1 == frames;
    wire [ADDRESS-1:0] frames_apart = axis > 2'd0 ? frame_pitch : '0, frames_along = axis > 2'd0 ? '0 : frame_pitch;
    wire [ADDRESS-1:0] rows_apart = axis > 2'd1 ? row_pitch : '0, rows_along = axis > 2'd1 ? '0 : row_pitch;

    always_ff @(posedge clk) begin
        if (rst) busy <= 1'b0;
        else if (read) begin
            busy <= !ends;
            count <= number + 16'd1;
            word <= ends_run ? 16'd0 : at_word + 16'd1;
            row <= ends_rows ? 16'd0 : ends_run ? at_row + 16'd1 : at_row;
            frame <= ends_rows ? at_frame + 16'd1 : at_frame;
            row_base <= ends_rows ? this_frame + frames_apart : ends_run ? this_row + rows_apart : this_row;
            row_along <= ends_rows ? this_frame_along + frames_along : ends_run ? this_row_along + rows_along : this_row_along;
            frame_base <= ends_rows ? this_frame + frames_apart : this_frame;
            frame_along <= ends_rows ? this_frame_along + frames_along : this_frame_along;
        end
    end
endmodule
