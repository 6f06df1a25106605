// A word of the staging registers, in two sets.
module lw_staged #(
    parameter int WORD = 64
) (
    input  logic            clk,
    input  logic            write,
    input  logic            half,      // the set that it goes to
    input  logic [WORD-1:0] data,
    input  logic            read_set,
    output logic [WORD-1:0] held
);
    logic [WORD-1:0] first, second;
    assign held = read_set ? second : first;
    always_ff @(posedge clk)
        if (write) begin
            if (half) second <= data;
            else first <= data;
        end
endmodule
