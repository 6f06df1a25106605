// So many grains of a longer word, from any of them on: halved from the widest step down, so that few are left to choose.
module lw_slice #(
    parameter int IN = 64,   // grains
    parameter int OUT = 4,
    parameter int GRAIN = 8,  // bits
    parameter int LEVELS = 6  // bits of where it begins
) (
    /* verilator lint_off UNUSEDSIGNAL */  // it counts beyond the word, and need not reach its end
    input  logic [15:0]          from,
    input  logic [IN*GRAIN-1:0]  in,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [OUT*GRAIN-1:0] out
);
    genvar k;
    generate
        for (k = LEVELS; k >= 0; k = k - 1) begin : g_level
            // What steps below may still reach.
            localparam int WIDE = OUT + (1 << k) - 1;
            wire [WIDE*GRAIN-1:0] left;
            if (k == LEVELS) begin : g_all
                assign left = (WIDE*GRAIN)'(in);
            end else begin : g_step
                assign left = from[k] ? (WIDE*GRAIN)'(g_level[k+1].left >> (GRAIN << k)) : (WIDE*GRAIN)'(g_level[k+1].left);
            end
        end
    endgenerate
    assign out = g_level[0].left;
endmodule
