// A buffer that delivers a word from any element on: words lie in two halves in turn, both are read, and a rotator
// brings the first element to the front. `read_behind` is an element of the word behind, which is one of the other half.
module lw_turned #(
    parameter int WORDS = 1024,
    parameter int ELEMENT = 8,
    parameter int ELEMENTS = 8,  // of a word, a power of two
    parameter int LATENCY = 1
) (
    input  logic                        clk,
    input  logic                        dma_clk,
    input  logic                        write,
    input  logic [31:0]                 write_address,  // of a word
    input  logic [ELEMENT*ELEMENTS-1:0] write_data,
    input  logic                        read,
    input  logic [31:0]                 read_address,   // of an element
    input  logic [31:0]                 read_behind,
    output logic [ELEMENT*ELEMENTS-1:0] read_data
);
    localparam int BITS = ELEMENT * ELEMENTS;
    localparam int TURN = $clog2(ELEMENTS) > 0 ? $clog2(ELEMENTS) : 1;
    wire [31:0] word = ELEMENTS == 1 ? read_address : read_address >> TURN;
    wire [31:0] following = ELEMENTS == 1 ? read_behind : read_behind >> TURN;
    wire [31:0] even_at = word[0] ? following >> 1 : word >> 1, odd_at = word[0] ? word >> 1 : following >> 1;
    wire [BITS-1:0] even_word, odd_word;

    lw_sram #(.WORDS((WORDS + 1) / 2), .BITS(BITS), .ADDRESS(32), .LATENCY(LATENCY)) u_even (
        .clk, .dma_clk, .write(write && !write_address[0]), .write_address(write_address >> 1), .write_data,
        .read, .read_address(even_at), .read_data(even_word)
    );
    lw_sram #(.WORDS((WORDS + 1) / 2), .BITS(BITS), .ADDRESS(32), .LATENCY(LATENCY)) u_odd (
        .clk, .dma_clk, .write(write && write_address[0]), .write_address(write_address >> 1), .write_data,
        .read, .read_address(odd_at), .read_data(odd_word)
    );

    wire [TURN:0] turn;
    lw_delay #(.BITS(TURN + 1), .STAGES(LATENCY)) u_turn (
        .clk, .in({word[0], ELEMENTS == 1 ? {(TURN){1'b0}} : read_address[TURN-1:0]}), .out(turn)
    );
    wire [2*BITS-1:0] both = turn[TURN] ? {even_word, odd_word} : {odd_word, even_word};
    lw_slice #(.IN(2 * ELEMENTS), .OUT(ELEMENTS), .GRAIN(ELEMENT), .LEVELS(TURN)) u_rotator (
        .from(16'(turn[TURN-1:0])), .in(both), .out(read_data)
    );
endmodule
