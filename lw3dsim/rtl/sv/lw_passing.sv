// A word that passes, and is there from the cycle on in which it comes: the last of partial sums may come as outputs are
// added to it, and outputs of tiles in parts wait, as the next depth is gathered before all their words are made.
module lw_passing #(
    parameter int WORD = 64
) (
    input  logic            clk,
    input  logic            comes,
    input  logic [WORD-1:0] data,
    output logic [WORD-1:0] held
);
    logic [WORD-1:0] kept;
    always_ff @(posedge clk) if (comes) kept <= data;
    assign held = comes ? data : kept;
endmodule
