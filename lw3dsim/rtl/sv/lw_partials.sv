// The partial sums of a depth, word by word as they come from the output buffer, and those that a word of outputs is
// added to.
module lw_partials #(
    parameter int WORD = 64,
    parameter int WORDS = 1,
    parameter int SUM = 32,
    parameter int PICKED = 8
) (
    input  logic                   clk,
    input  logic                   comes,
    input  logic [15:0]            number,
    input  logic [WORD-1:0]        data,
    input  logic                   adds,  // the outputs have partial sums
    input  logic [15:0]            from,  // the first of them
    output logic [PICKED*SUM-1:0]  sums
);
    localparam int PLACES = WORDS * WORD / SUM;
    wire [WORD*WORDS-1:0] held;
    genvar i;
    generate
        for (i = 0; i < WORDS; i = i + 1) begin : g_word
            logic [WORD-1:0] kept;
            always_ff @(posedge clk) if (comes && number == 16'(i)) kept <= data;
            // The last word may come in the cycle in which outputs are added to it.
            assign held[WORD*i+:WORD] = comes && number == 16'(i) ? data : kept;
        end
        for (i = 0; i < PICKED; i = i + 1) begin : g_sum
            wire [31:0] at = 32'(from) + i;
            assign sums[SUM*i+:SUM] = adds && at < PLACES ? held[SUM*at+:SUM] : '0;
        end
    endgenerate
endmodule
