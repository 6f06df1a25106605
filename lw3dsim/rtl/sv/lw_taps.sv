// Up to `STAGES` registers behind each other: as many as there are to be.
module lw_taps #(
    parameter int BITS = 1,
    parameter int STAGES = 1
) (
    input  logic            clk,
    input  logic [7:0]      stages,
    input  logic [BITS-1:0] in,
    output logic [BITS-1:0] out
);
    /* verilator lint_off UNUSEDSIGNAL */  // of no stage
    wire [BITS*(STAGES+1)-1:0] at;
    /* verilator lint_on UNUSEDSIGNAL */
    assign at[BITS-1:0] = in;
    genvar i;
    generate
        for (i = 0; i < STAGES; i = i + 1) begin : g_stage
            lw_delay #(.BITS(BITS), .STAGES(1)) u_stage (.clk, .in(at[BITS*i+:BITS]), .out(at[BITS*(i+1)+:BITS]));
        end
        if (STAGES == 0) begin : g_none
            assign out = in;
            wire unused = &{1'b0, clk, stages};
        end else begin : g_some
            lw_pick #(.WORDS(STAGES + 1), .BITS(BITS)) u_last (.which(16'(stages)), .words(at), .picked(out));
        end
    endgenerate
endmodule
