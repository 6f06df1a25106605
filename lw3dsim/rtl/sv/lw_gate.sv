// The clock of the array: it stands still in a cycle in which DMA has the only port of a buffer. DMA goes first.
module lw_gate (
    input  logic clk,
    input  logic pause,  // of this cycle; settles while the clock is low
    output logic gated
);
    logic on;
    always_ff @(negedge clk) on <= !pause;
    assign gated = clk & on;
endmodule
