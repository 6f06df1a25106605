// One of several words that lie side by side; behind the last they begin anew, or are 0. Halved step by step: of an
// indexed part Yosys makes shifters of all words for every bit of the index of a bit.
module lw_pick #(
    parameter int WORDS = 4,
    parameter int BITS = 8
) (
    input  logic [15:0]           which,
    input  logic [WORDS*BITS-1:0] words,
    output logic [BITS-1:0]       picked
);
    lw_slice #(.IN(WORDS), .OUT(1), .GRAIN(BITS), .LEVELS($clog2(WORDS))) u_halves (.from(which), .in(words), .out(picked));
endmodule
