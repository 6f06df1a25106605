// One port of the loader: reads the words of a round out of a buffer, one a cycle, row by row.
//
// A round is `frames` x `rows` runs of `run` words. Its first word is read in the cycle in which it starts.
module lw_reader #(
    parameter int ADDRESS = 16,
    parameter int STEP = 1  // from word to word of a run
) (
    input  logic               clk,
    input  logic               rst,
    input  logic               start,
    input  logic [ADDRESS-1:0] base,
    input  logic [15:0]        run,
    input  logic [15:0]        rows,
    input  logic [15:0]        frames,
    input  logic [ADDRESS-1:0] row_pitch,
    input  logic [ADDRESS-1:0] frame_pitch,
    output logic               read,
    output logic [ADDRESS-1:0] address,
    output logic [15:0]        number     // of the word in its round
);
    logic               busy;
    logic [15:0]        word, row, frame, count;
    logic [ADDRESS-1:0] frame_base, row_base;

    assign read = start || busy;
    assign number = start ? 16'd0 : count;
    wire [15:0] at_word = start ? 16'd0 : word;
    wire [15:0] at_row = start ? 16'd0 : row;
    wire [15:0] at_frame = start ? 16'd0 : frame;
    wire [ADDRESS-1:0] this_frame = start ? base : frame_base;
    wire [ADDRESS-1:0] this_row = start ? base : row_base;
    assign address = this_row + ADDRESS'(at_word) * ADDRESS'(STEP);

    wire ends_run = at_word + 16'd1 == run;
    wire ends_rows = ends_run && at_row + 16'd1 == rows;
    wire ends = ends_rows && at_frame + 16'd1 == frames;

    always_ff @(posedge clk) begin
        if (rst) busy <= 1'b0;
        else if (read) begin
            busy <= !ends;
            count <= number + 16'd1;
            word <= ends_run ? 16'd0 : at_word + 16'd1;
            row <= ends_rows ? 16'd0 : ends_run ? at_row + 16'd1 : at_row;
            frame <= ends_rows ? at_frame + 16'd1 : at_frame;
            row_base <= ends_rows ? this_frame + frame_pitch : ends_run ? this_row + row_pitch : this_row;
            frame_base <= ends_rows ? this_frame + frame_pitch : this_frame;
        end
    end
endmodule
