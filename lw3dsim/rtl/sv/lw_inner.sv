// Intermediate tensors of a fused group, in the output buffer: results go to elements one by one, words are read from any
// element on. A tag beside an element says which tile it is of; what is of none, as padding, reads as 0, or as less than all. In a ring of a tensor
// whose halos are kept it says which lap it is of, one more behind the end of the ring.
module lw_inner #(
    parameter int ELEMENTS = 1024,
    parameter int PLACE = 10,    // bits of a place
    parameter int ELEMENT = 8,
    parameter int WORD = 8,      // elements
    parameter int PICKED = 8,
    parameter int LATENCY = 1
) (
    input  logic                      clk,
    input  logic                      dma_clk,
    input  logic                      dma_read,     // a word of a tensor that is stored as well
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [31:0]               dma_address,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [WORD*ELEMENT-1:0]   dma_word,
    input  logic                      write,
    input  logic [15:0]               count,
    input  logic [PICKED*PLACE-1:0]   places,
    input  logic [PICKED*ELEMENT-1:0] data,
    input  logic [15:0]               write_tag,
    input  logic [PICKED-1:0]         write_laps,
    input  logic                      read,
    /* verilator lint_off UNUSEDSIGNAL */  // what counts elements goes on behind the last
    input  logic [31:0]               address,
    input  logic [31:0]               ring,      // length
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [31:0]               to_end,    // of the ring
    input  logic [15:0]               read_tag,
    input  logic                      least,     // what is of no tile is the least that there is, for a largest value
    output logic [WORD*ELEMENT-1:0]   word
);
    logic [ELEMENT+15:0] held[ELEMENTS];
    logic [WORD*ELEMENT*LATENCY-1:0] answers;
    wire [WORD*ELEMENT-1:0] found;
    genvar g;
    generate
        for (g = 0; g < WORD; g = g + 1) begin : g_element
            wire laps = 32'(g) >= to_end;
            wire [PLACE-1:0] at = address[PLACE-1:0] + PLACE'(g) - (laps ? ring[PLACE-1:0] : '0);
            wire [ELEMENT+15:0] one = held[at];
            assign found[ELEMENT*g+:ELEMENT] = one[ELEMENT+:16] == read_tag + 16'(laps) ? one[ELEMENT-1:0] :
                                              ELEMENT'(least) << (ELEMENT - 1);
        end
    endgenerate

    wire [WORD*ELEMENT-1:0] leaves;
    generate
        for (g = 0; g < WORD; g = g + 1) begin : g_leaves
            wire [ELEMENT+15:0] one = held[dma_address[PLACE-1:0] + PLACE'(g)];
            assign leaves[ELEMENT*g+:ELEMENT] = one[ELEMENT-1:0];
            wire unused = &{1'b0, one};
        end
    endgenerate
    always_ff @(posedge dma_clk) if (dma_read) dma_word <= leaves;

    assign word = answers[WORD*ELEMENT*LATENCY-1-:WORD*ELEMENT];
    always_ff @(posedge clk) begin
        // In parts: Verilator unrolls no more than 64 turns of a loop, and has no delayed writes in those that it does not.
        for (int part = 0; part < PICKED; part += 32)
            for (int i = part; i < part + 32 && i < PICKED; i++)
                if (write && 16'(i) < count) held[places[PLACE*i+:PLACE]] <= {write_tag + 16'(write_laps[i]), data[ELEMENT*i+:ELEMENT]};
        if (read) answers[WORD*ELEMENT-1:0] <= found;
        for (int i = 1; i < LATENCY; i++)
            answers[WORD*ELEMENT*i+:WORD*ELEMENT] <= answers[WORD*ELEMENT*(i-1)+:WORD*ELEMENT];
    end
endmodule
