// Two sets of staging registers, each of whole words of a port: one is loaded while the array is fed from the other.
module lw_staging #(
    parameter int WORD = 64,
    parameter int WORDS = 16
) (
    input  logic                  clk,
    input  logic                  write,
    input  logic                  half,
    input  logic [15:0]           number,
    input  logic [WORD-1:0]       data,
    input  logic                  read_set,
    output logic [WORD*WORDS-1:0] held
);
    logic [WORD*WORDS-1:0] first, second;
    assign held = read_set ? second : first;

    genvar i;
    generate
        for (i = 0; i < WORDS; i = i + 1) begin : g_word
            always_ff @(posedge clk)
                if (write && number == i) begin
                    if (half) second[WORD*i+:WORD] <= data;
                    else first[WORD*i+:WORD] <= data;
                end
        end
    endgenerate
endmodule
