// A bank of a shared memory, a macro with one port: a word is read or written in a cycle. Words lie in two halves in
// turn, addressed one by one, so that the port reads a word from any element on: those from `first` on are of the half in
// which it begins, those in front of it of the other. An answer comes a cycle after a read.
module lw_bank #(
    parameter int WORDS = 512,   // an even number
    parameter int ELEMENT = 8,
    parameter int ELEMENTS = 64,
    parameter int INDEX = 8,     // bits of a place in a half
    parameter int TURN = 6       // bits of an element's place in a word
) (
    input  logic                        clk,
    input  logic                        even,     // half that is asked for
    input  logic                        odd,
    input  logic [INDEX-1:0]            even_at,
    input  logic [INDEX-1:0]            odd_at,
    input  logic                        write,
    input  logic [ELEMENT*ELEMENTS-1:0] data,
    input  logic                        begins_odd,
    input  logic [TURN-1:0]             first,
    output logic [ELEMENT*ELEMENTS-1:0] answer
);
    localparam int BITS = ELEMENT * ELEMENTS;
    logic [BITS-1:0] even_words[WORDS/2], odd_words[WORDS/2];
    logic [BITS-1:0] even_word, odd_word;
    logic [TURN-1:0] from;
    logic            turned;
    always_ff @(posedge clk) begin
        if (even && write) even_words[even_at] <= data;
        if (even && !write) even_word <= even_words[even_at];
        if (odd && write) odd_words[odd_at] <= data;
        if (odd && !write) odd_word <= odd_words[odd_at];
        if ((even || odd) && !write) {turned, from} <= {begins_odd, first};
    end
    genvar g;
    generate
        for (g = 0; g < ELEMENTS; g = g + 1) begin : g_element
            assign answer[ELEMENT*g+:ELEMENT] = turned ^ (32'(from) > 32'(g)) ? odd_word[ELEMENT*g+:ELEMENT] :
                                                even_word[ELEMENT*g+:ELEMENT];
        end
    endgenerate
endmodule
