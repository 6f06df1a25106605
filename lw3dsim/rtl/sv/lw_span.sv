// Neighbouring words of a file, from any of them on.
module lw_span #(
    parameter int WORD = 64,
    parameter int WORDS = 16,
    parameter int NEAR = 2
) (
    /* verilator lint_off UNUSEDSIGNAL */  // it counts beyond the file
    input  logic [15:0]            first,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [WORD*WORDS-1:0]  held,
    output logic [WORD*NEAR-1:0]  nearby
);
    localparam int INDEX = $clog2(WORDS) > 0 ? $clog2(WORDS) : 1;
    genvar i;
    generate
        if (NEAR >= WORDS) begin : g_all
            assign nearby = (WORD*NEAR)'(held);
            wire unused = &{1'b0, first};
        end else begin : g_some
            for (i = 0; i < NEAR; i = i + 1) begin : g_word
                wire [INDEX-1:0] at = INDEX'(first + 16'(i));
                lw_pick #(.WORDS(WORDS), .BITS(WORD)) u_word (.which(16'(at)), .words(held), .picked(nearby[WORD*i+:WORD]));
            end
        end
    endgenerate
endmodule
