// Registers behind each other, as many as there are to be: up to `STAGES`, one of the numbers that may be.
module lw_taps #(
    parameter int BITS = 1,
    parameter int STAGES = 1,
    parameter int DEPTHS = -1   // bit n: there may be n
) (
    input  logic            clk,
    input  logic [7:0]      stages,
    input  logic [BITS-1:0] in,
    output logic [BITS-1:0] out
);
    /* verilator lint_off UNUSEDSIGNAL */  // of no stage, and of numbers that there never are
    wire [BITS*(STAGES+1)-1:0] at;
    /* verilator lint_on UNUSEDSIGNAL */
    assign at[BITS-1:0] = in;
    genvar i;
    generate
        for (i = 1; i <= STAGES; i = i + 1) begin : g_stage
            lw_delay #(.BITS(BITS), .STAGES(1)) u_stage (.clk, .in(at[BITS*(i-1)+:BITS]), .out(at[BITS*i+:BITS]));
        end
        if (STAGES == 0) begin : g_none
            wire unused = &{1'b0, clk};
        end
    endgenerate
    lw_depth #(.BITS(BITS), .MOST(STAGES), .DEPTHS(DEPTHS)) u_depth (.depth(stages), .at, .out);
endmodule
