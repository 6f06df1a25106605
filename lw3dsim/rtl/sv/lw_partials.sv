// The partial sums of a depth, word by word as they come from the output buffer, and those that a word of outputs is
// added to.
//
// Words begin at few places: word k of sums with the one that bit k `WORD` of the depth is of, word k of results with k
// `RESULTS`. An output chooses among the sums of these places alone.
module lw_partials #(
    parameter int WORD = 64,
    parameter int WORDS = 1,
    parameter int SUM = 32,
    parameter int RESULTS = 8,   // of a word
    parameter int PICKED = 8
) (
    input  logic                   clk,
    input  logic                   comes,
    input  logic [15:0]            number,
    input  logic [WORD-1:0]        data,
    input  logic                   adds,  // the outputs have partial sums
    input  logic                   wide,  // and are partial sums themselves
    input  logic [15:0]            from,  // the first of them
    output logic [PICKED*SUM-1:0]  sums
);
    // Room for a sum, where words are smaller.
    localparam int HELD = WORDS * WORD > SUM ? WORDS * WORD : SUM;
    localparam int PLACES = HELD / SUM;
    localparam int OF_RESULTS = (PLACES + RESULTS - 1) / RESULTS;
    // Sums that a word has a part of, at most.
    localparam int BEGUN = (WORD + SUM - 1) / SUM + 1;
    /* verilator lint_off UNUSEDSIGNAL */  // what is left behind the last sum
    wire [HELD-1:0] held;
    /* verilator lint_on UNUSEDSIGNAL */
    wire [WORDS-1:0] begins_sums;
    wire [OF_RESULTS-1:0] begins_results;
    genvar i, k;
    generate
        for (k = 0; k < WORDS; k = k + 1) begin : g_word
            lw_passing #(.WORD(WORD)) u_word (.clk, .comes(comes && number == 16'(k)), .data, .held(held[WORD*k+:WORD]));
            assign begins_sums[k] = adds && wide && from == 16'(k * WORD / SUM);
        end
        if (HELD > WORD * WORDS) begin : g_smaller
            assign held[HELD-1:WORD*WORDS] = '0;
        end
        for (k = 0; k < OF_RESULTS; k = k + 1) begin : g_results
            assign begins_results[k] = adds && !wide && from == 16'(k * RESULTS);
        end
        for (i = 0; i < PICKED; i = i + 1) begin : g_sum
            // Behind the last sum that a word has a part of, results alone go on.
            localparam int MANY = i < BEGUN ? WORDS : 0;
            wire [MANY+OF_RESULTS-1:0] begins;
            wire [(MANY+OF_RESULTS)*SUM-1:0] from_places;
            for (k = 0; k < MANY + OF_RESULTS; k = k + 1) begin : g_place
                localparam int PLACE = (k < MANY ? k * WORD / SUM : (k - MANY) * RESULTS) + i;
                if (k < MANY) begin : g_of_sums
                    assign begins[k] = begins_sums[k];
                end else begin : g_of_results
                    assign begins[k] = begins_results[k-MANY];
                end
                if (PLACE < PLACES && (k < MANY || i < RESULTS)) begin : g_there
                    assign from_places[SUM*k+:SUM] = held[SUM*PLACE+:SUM];
                end else begin : g_none
                    assign from_places[SUM*k+:SUM] = '0;
                end
            end
            lw_either #(.WORDS(MANY + OF_RESULTS), .BITS(SUM)) u_sum (
                .is_one(begins), .words(from_places), .one(sums[SUM*i+:SUM])
            );
        end
    endgenerate
endmodule
