// What travels beside the data: `STAGES` registers behind each other.
module lw_delay #(
    parameter int BITS = 1,
    parameter int STAGES = 1
) (
    input  logic            clk,
    input  logic [BITS-1:0] in,
    output logic [BITS-1:0] out
);
    generate
        if (STAGES == 0) begin : g_none
            assign out = in;
            wire unused = clk;
        end else begin : g_some
            logic [BITS*STAGES-1:0] held;
            assign out = held[BITS*STAGES-1-:BITS];
            if (STAGES == 1) begin : g_one
                always_ff @(posedge clk) held <= in;
            end else begin : g_many
                always_ff @(posedge clk) held <= {held[BITS*(STAGES-1)-1:0], in};
            end
        end
    endgenerate
endmodule
