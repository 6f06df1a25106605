// The collector of a row: its sums of the positions that a word has a part of.
module lw_collected_row #(
    parameter int FILES = 4,
    parameter int FILE = 3,   // bits of the number of one
    parameter int TAKEN = 8,
    parameter int BITS = 32
) (
    input  logic [TAKEN*FILE-1:0] files,
    input  logic [FILES*BITS-1:0] results,
    output logic [TAKEN*BITS-1:0] taken
);
    genvar k;
    generate
        for (k = 0; k < TAKEN; k = k + 1) begin : g_position
            lw_pick #(.WORDS(FILES), .BITS(BITS)) u_taken (
                .which(16'(files[FILE*k+:FILE])), .words(results), .picked(taken[BITS*k+:BITS])
            );
        end
    endgenerate
endmodule
