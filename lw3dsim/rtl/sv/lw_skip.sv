// `STAGES` registers behind each other, or none of them.
module lw_skip #(
    parameter int BITS = 1,
    parameter int STAGES = 1
) (
    input  logic            clk,
    input  logic            skips,
    input  logic [BITS-1:0] in,
    output logic [BITS-1:0] out
);
    wire [BITS-1:0] late;
    lw_delay #(.BITS(BITS), .STAGES(STAGES)) u_stages (.clk, .in, .out(late));
    assign out = skips ? in : late;
endmodule
