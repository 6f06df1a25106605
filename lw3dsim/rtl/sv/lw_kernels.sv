// The weight files: those of a row hold the words of a round in which its weights lie, in two sets, and give those of a tap.
//
// Weights are counted in grains, of which their widths and a word are multiples.
module lw_kernels #(
    parameter int ROWS = 2,
    parameter int WORD = 64,
    parameter int WORDS = 2,   // of a row
    parameter int GRAIN = 8,   // bits
    parameter int TAKEN = 36   // grains that a row takes at once, at most
) (
    input  logic                        clk,
    input  logic                        write,
    input  logic                        half,
    input  logic [15:0]                 number,   // of the word in its round
    input  logic [15:0]                 loading,  // grains from row to row of that round
    input  logic [WORD-1:0]             data,
    input  logic                        read_set,
    input  logic [15:0]                 of_row,   // grains from row to row
    input  logic [15:0]                 at_tap,   // grains in front of the tap
    output logic [ROWS*TAKEN*GRAIN-1:0] taken
);
    localparam int EACH = WORD / GRAIN;
    // Words in which what is taken at once may lie.
    localparam int SPAN = (TAKEN + EACH - 2) / EACH + 1;
    localparam int NEAR = SPAN < WORDS ? SPAN : WORDS;
    genvar r;
    generate
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            /* verilator lint_off UNUSEDSIGNAL */  // words of other rows have other numbers
            wire [15:0] own = number - 16'(32'(loading) * r / EACH);
            wire [31:0] begins = 32'(of_row) * r % EACH + 32'(at_tap);
            /* verilator lint_on UNUSEDSIGNAL */
            wire [WORD*WORDS-1:0] held;
            wire [WORD*NEAR-1:0]  nearby;
            lw_staging #(.WORD(WORD), .WORDS(WORDS)) u_files (
                .clk, .write, .half, .other(1'b0), .number(own), .data, .read_set, .held
            );
            lw_span #(.WORD(WORD), .WORDS(WORDS), .NEAR(NEAR)) u_near (.first(16'(begins / EACH)), .held, .nearby);
            lw_slice #(.IN(NEAR * EACH), .OUT(TAKEN), .GRAIN(GRAIN), .LEVELS($clog2(NEAR * EACH))) u_taken (
                .from(NEAR < WORDS ? 16'(begins % EACH) : 16'(begins)), .in(nearby), .out(taken[r*TAKEN*GRAIN+:TAKEN*GRAIN])
            );
        end
    endgenerate
endmodule
