// One memory in place of three buffers: banks of one port each, and the network between them and who asks. Those who
// read inputs, who read weights, and the port of outputs have banks of their own, and never meet; DMA waits a cycle where
// the array has the bank that it wants. Addresses are those of the whole memory: a program says which banks are whose
// by where things lie. Where `pause` is up, DMA goes first, and writes.
module lw_shared #(
    parameter int BANKS = 16,
    parameter int WORDS = 512,   // of a bank, an even number
    parameter int ELEMENT = 8,
    parameter int ELEMENTS = 64, // of a word, a power of two
    parameter int LATENCY = 1
) (
    input  logic                        clk,
    input  logic                        dma_clk,
    input  logic                        pause,
    input  logic                        dma_write,
    input  logic                        dma_read,
    input  logic [31:0]                 dma_address,
    input  logic [ELEMENT*ELEMENTS-1:0] dma_data,
    output logic                        dma_waits,
    output logic [ELEMENT*ELEMENTS-1:0] dma_answer,
    input  logic                        ifmap_read,
    input  logic [31:0]                 ifmap_address,  // of an element
    input  logic [31:0]                 ifmap_behind,   // of one of the word behind, which is of the other half
    output logic [ELEMENT*ELEMENTS-1:0] ifmap_word,
    input  logic                        weight_read,
    input  logic [31:0]                 weight_address,
    output logic [ELEMENT*ELEMENTS-1:0] weight_word,
    input  logic                        out_enable,
    input  logic                        out_write,
    input  logic [31:0]                 out_address,
    input  logic [ELEMENT*ELEMENTS-1:0] out_data,
    output logic [ELEMENT*ELEMENTS-1:0] out_answer
);
    localparam int BITS = ELEMENT * ELEMENTS;
    localparam int TURN = $clog2(ELEMENTS) > 0 ? $clog2(ELEMENTS) : 1;
    localparam int INDEX = $clog2(WORDS / 2) > 0 ? $clog2(WORDS / 2) : 1;

    wire [31:0] word = ELEMENTS == 1 ? ifmap_address : ifmap_address >> TURN;
    wire [31:0] behind = ELEMENTS == 1 ? ifmap_behind : ifmap_behind >> TURN;
    wire [TURN-1:0] first = ELEMENTS == 1 ? '0 : ifmap_address[TURN-1:0];

    // Of each bank whether it has the word that somebody wants, now and when it answers.
    wire  [BANKS-1:0] has_word, has_behind, has_weight, has_out, has_dma, is_taken;
    logic [BANKS-1:0] had_word, had_behind, had_weight, had_out, had_dma;
    logic [TURN-1:0]  from;
    wire  [BANKS*BITS-1:0] answers;
    assign dma_waits = (dma_read && pause) || |(has_dma & is_taken);
    always_ff @(posedge clk) begin
        if (ifmap_read) {had_word, had_behind, from} <= {has_word, has_behind, first};
        if (weight_read) had_weight <= has_weight;
        if (out_enable && !out_write) had_out <= has_out;
    end
    always_ff @(posedge dma_clk) if (dma_read && !dma_waits) had_dma <= has_dma;

    genvar b, g;
    generate
        for (b = 0; b < BANKS; b = b + 1) begin : g_bank
            // Words from the begin of the bank on; those of other banks are beyond its end.
            localparam int BEGIN = b * WORDS;
            /* verilator lint_off UNUSEDSIGNAL */  // a bank has fewer
            wire [31:0] word_at = word - 32'(BEGIN), behind_at = behind - 32'(BEGIN);
            wire [31:0] weight_at = weight_address - 32'(BEGIN), out_at = out_address - 32'(BEGIN);
            wire [31:0] dma_at = dma_address - 32'(BEGIN);
            /* verilator lint_on UNUSEDSIGNAL */
            assign has_word[b] = ifmap_read && word_at < 32'(WORDS);
            assign has_behind[b] = ifmap_read && first != '0 && behind_at < 32'(WORDS);
            assign has_weight[b] = weight_read && weight_at < 32'(WORDS);
            assign has_out[b] = out_enable && out_at < 32'(WORDS);
            assign has_dma[b] = (dma_read || dma_write) && dma_at < 32'(WORDS);
            // What lies behind the last word of the inputs is another's, and is not looked at.
            wire is_weight = has_weight[b] && !pause, is_out = has_out[b] && !pause;
            wire is_ifmap = (has_word[b] || has_behind[b]) && !pause && !is_weight && !is_out;
            assign is_taken[b] = is_weight || is_out || is_ifmap;
            wire is_dma = has_dma[b] && !dma_waits;

            /* verilator lint_off UNUSEDSIGNAL */
            wire [31:0] at = is_weight ? weight_at : is_out ? out_at : dma_at;
            /* verilator lint_on UNUSEDSIGNAL */
            wire [INDEX-1:0] word_row = word_at[INDEX:1], behind_row = behind_at[INDEX:1];
            wire asks = is_weight || is_out || is_dma;
            lw_bank #(.WORDS(WORDS), .ELEMENT(ELEMENT), .ELEMENTS(ELEMENTS), .INDEX(INDEX), .TURN(TURN)) u_bank (
                .clk(dma_clk),
                .even(is_ifmap ? (word[0] ? has_behind[b] : has_word[b]) : asks && !at[0]),
                .odd(is_ifmap ? (word[0] ? has_word[b] : has_behind[b]) : asks && at[0]),
                .even_at(!is_ifmap ? at[INDEX:1] : word[0] ? behind_row : word_row),
                .odd_at(!is_ifmap ? at[INDEX:1] : word[0] ? word_row : behind_row),
                .write(is_taken[b] ? is_out && out_write : dma_write), .data(is_out ? out_data : dma_data),
                .begins_odd(is_ifmap ? word[0] : at[0]), .first(is_ifmap ? first : '0), .answer(answers[BITS*b+:BITS])
            );
        end
    endgenerate

    // The words that are read, of one bank each; of inputs each element may be of another.
    wire [BITS-1:0] unturned, weight_found;
    generate
        for (g = 0; g < ELEMENTS; g = g + 1) begin : g_element
            wire [BANKS-1:0] of_ifmap = 32'(from) > 32'(g) ? had_behind : had_word;
            wire [BANKS*ELEMENT-1:0] here;
            for (b = 0; b < BANKS; b = b + 1) begin : g_answer
                assign here[ELEMENT*b+:ELEMENT] = answers[BITS*b+ELEMENT*g+:ELEMENT];
            end
            lw_either #(.WORDS(BANKS), .BITS(ELEMENT)) u_ifmap (
                .is_one(of_ifmap), .words(here), .one(unturned[ELEMENT*g+:ELEMENT])
            );
            lw_either #(.WORDS(BANKS), .BITS(ELEMENT)) u_weight (
                .is_one(had_weight), .words(here), .one(weight_found[ELEMENT*g+:ELEMENT])
            );
            lw_either #(.WORDS(BANKS), .BITS(ELEMENT)) u_out (
                .is_one(had_out), .words(here), .one(out_answer[ELEMENT*g+:ELEMENT])
            );
            lw_either #(.WORDS(BANKS), .BITS(ELEMENT)) u_dma (
                .is_one(had_dma), .words(here), .one(dma_answer[ELEMENT*g+:ELEMENT])
            );
        end
    endgenerate
    wire [BITS-1:0] turned;
    lw_slice #(.IN(2 * ELEMENTS), .OUT(ELEMENTS), .GRAIN(ELEMENT), .LEVELS(TURN)) u_turned (
        .from(16'(from)), .in({unturned, unturned}), .out(turned)
    );
    lw_delay #(.BITS(2 * BITS), .STAGES(LATENCY - 1)) u_answers (
        .clk, .in({turned, weight_found}), .out({ifmap_word, weight_word})
    );
endmodule
