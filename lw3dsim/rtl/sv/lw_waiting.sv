// Outputs of tiles that are taken in parts: they wait, as the next depth is gathered before all their words are made.
module lw_waiting #(
    parameter int BITS = 32
) (
    input  logic            clk,
    input  logic            comes,
    input  logic [BITS-1:0] in,
    output logic [BITS-1:0] out
);
    logic [BITS-1:0] held;
    always_ff @(posedge clk) if (comes) held <= in;
    assign out = comes ? in : held;
endmodule
