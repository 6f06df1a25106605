// Intermediate tensors of a fused group, in the output buffer: results go to elements one by one, words are read from any
// element on. A tag beside an element says which tile it is of; what is of none, as padding, reads as 0.
module lw_inner #(
    parameter int ELEMENTS = 1024,
    parameter int ELEMENT = 8,
    parameter int WORD = 8,      // elements
    parameter int PICKED = 8,
    parameter int LATENCY = 1
) (
    input  logic                      clk,
    input  logic                      write,
    input  logic [15:0]               count,
    /* verilator lint_off UNUSEDSIGNAL */  // places count beyond the last element
    input  logic [PICKED*32-1:0]      places,
    input  logic [PICKED*ELEMENT-1:0] data,
    input  logic [15:0]               write_tag,
    input  logic                      read,
    input  logic [31:0]               address,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [15:0]               read_tag,
    output logic [WORD*ELEMENT-1:0]   word
);
    localparam int INDEX = $clog2(ELEMENTS) > 0 ? $clog2(ELEMENTS) : 1;
    logic [ELEMENT+15:0] held[ELEMENTS];
    logic [WORD*ELEMENT*LATENCY-1:0] answers;
    wire [WORD*ELEMENT-1:0] found;
    genvar g;
    generate
        for (g = 0; g < WORD; g = g + 1) begin : g_element
            wire [INDEX-1:0] at = address[INDEX-1:0] + INDEX'(g);
            wire [ELEMENT+15:0] one = held[at];
            assign found[ELEMENT*g+:ELEMENT] = one[ELEMENT+:16] == read_tag ? one[ELEMENT-1:0] : '0;
        end
    endgenerate

    assign word = answers[WORD*ELEMENT*LATENCY-1-:WORD*ELEMENT];
    always_ff @(posedge clk) begin
        for (int i = 0; i < PICKED; i++)
            if (write && 16'(i) < count) held[places[32*i+:INDEX]] <= {write_tag, data[ELEMENT*i+:ELEMENT]};
        if (read) answers[WORD*ELEMENT-1:0] <= found;
        for (int i = 1; i < LATENCY; i++)
            answers[WORD*ELEMENT*i+:WORD*ELEMENT] <= answers[WORD*ELEMENT*(i-1)+:WORD*ELEMENT];
    end
endmodule
