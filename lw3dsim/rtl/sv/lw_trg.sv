// Frames in a lane. TRG: behind a frame that was taken comes the next one, and their difference; behind the last frame the
// sum of all. A running mean: behind every frame the sum of all so far.
module lw_trg #(
    parameter int ELEMENT = 8,
    parameter int SUM = 12
) (
    input  logic                      clk,
    input  logic                      works,
    input  logic                      takes,   // the frame, else the next one
    input  logic                      opens,   // it is the first of all
    input  logic                      closes,  // it is the last one
    input  logic                      runs,    // of a running mean
    input  logic signed [ELEMENT-1:0] value,
    input  logic signed [ELEMENT-1:0] taken,   // the frame that was taken
    output logic signed [SUM-1:0]     out
);
    logic signed [SUM-1:0] sum;
    wire signed [ELEMENT:0] moved = (ELEMENT+1)'(value) - (ELEMENT+1)'(taken);
    wire signed [SUM-1:0] so_far = opens ? SUM'(value) : sum + SUM'(value);
    assign out = runs ? so_far : closes ? sum : SUM'(moved);
    always_ff @(posedge clk) if (works && takes) sum <= so_far;
endmodule
