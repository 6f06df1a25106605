// Says when the drain of the last wave of a step ends.
module lw_last (
    input  logic clk,
    input  logic rst,
    input  logic start,
    input  logic is_last,
    input  logic ends,
    output logic out
);
    logic waits;
    assign out = waits && ends;
    always_ff @(posedge clk)
        if (rst) waits <= 1'b0;
        else if (start) waits <= is_last;
        else if (ends) waits <= 1'b0;
endmodule
