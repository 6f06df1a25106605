// One of several words that lie side by side; there is 0 behind the last, and of one nothing is chosen.
module lw_pick #(
    parameter int WORDS = 4,
    parameter int BITS = 8
) (
    input  logic [15:0]           which,
    input  logic [WORDS*BITS-1:0] words,
    output logic [BITS-1:0]       picked
);
    generate
        if (WORDS == 1) begin : g_one
            assign picked = words;
            wire unused = &{1'b0, which};
        end else begin : g_some
            assign picked = 32'(which) < WORDS ? words[BITS*32'(which)+:BITS] : '0;
        end
    endgenerate
endmodule
