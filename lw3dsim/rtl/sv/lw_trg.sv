// TRG in a lane: of a frame that is taken, then the next one, the difference; behind the last frame the sum of all.
module lw_trg #(
    parameter int BITS = 32
) (
    input  logic                   clk,
    input  logic                   works,
    input  logic                   takes,   // the frame, else the next one
    input  logic                   opens,   // it is the first of all
    input  logic                   closes,  // it is the last one
    input  logic signed [BITS-1:0] value,
    input  logic signed [BITS-1:0] taken,  // the frame that was taken
    output logic signed [BITS-1:0] out
);
    logic signed [BITS-1:0] sum;
    assign out = takes ? value : closes ? sum : value - taken;
    always_ff @(posedge clk) if (works && takes) sum <= opens ? value : sum + value;
endmodule
