// One of several words, each with a bit that says whether it is the one; 0 where none is.
module lw_either #(
    parameter int WORDS = 4,
    parameter int BITS = 8
) (
    input  logic [WORDS-1:0]      is_one,
    input  logic [WORDS*BITS-1:0] words,
    output logic [BITS-1:0]       one
);
    always_comb begin
        one = '0;
        for (int i = 0; i < WORDS; i++) one |= words[BITS*i+:BITS] & {BITS{is_one[i]}};
    end
endmodule
