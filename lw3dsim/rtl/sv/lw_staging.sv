// Two sets of staging registers, each of whole words of a port: one is loaded while the array is fed from the other.
//
// Where two ports fill them a word of the one is `EACH` words here, of the other `OTHER`, and these have no common divisor.
module lw_staging #(
    parameter int WORD = 64,
    parameter int WORDS = 16,
    parameter int EACH = 1,
    parameter int OTHER = 1
) (
    input  logic                       clk,
    input  logic                       write,
    input  logic                       half,
    input  logic                       other,   // it comes from the other port
    input  logic [15:0]                number,  // of the word of the port
    input  logic [WORD*EACH*OTHER-1:0] data,    // as often as whole words of both ports need
    input  logic                       read_set,
    output logic [WORD*WORDS-1:0]      held
);
    genvar i;
    generate
        for (i = 0; i < WORDS; i = i + 1) begin : g_word
            wire here = write && number == (other ? 16'(i / OTHER) : 16'(i / EACH));
            lw_staged #(.WORD(WORD)) u_word (
                .clk, .write(here), .half, .data(data[WORD*(i%(EACH*OTHER))+:WORD]), .read_set, .held(held[WORD*i+:WORD])
            );
        end
    endgenerate
endmodule
