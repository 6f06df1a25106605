// The collector over the rows: lays what they took side by side, for as many as work, and begins within the first position.
module lw_beside #(
    parameter int ROWS = 2,
    parameter int PICKED = 8,
    parameter int BITS = 32
) (
    input  logic [15:0]                   rows,   // that work
    input  logic [15:0]                   from,   // of the first position
    /* verilator lint_off UNUSEDSIGNAL */  // later rows take fewer positions
    input  logic [ROWS*PICKED*BITS-1:0]   taken,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [PICKED*BITS-1:0]        picked
);
    localparam int SPAN = PICKED + ROWS - 1;
    wire [SPAN*BITS-1:0] all;
    // How many rows work.
    wire [ROWS-1:0] works;
    genvar j, n;
    generate
        for (n = 1; n <= ROWS; n = n + 1) begin : g_works
            assign works[n-1] = rows == 16'(n);
        end
        for (j = 0; j < SPAN; j = j + 1) begin : g_beside
            wire [ROWS*BITS-1:0] if_rows;
            for (n = 1; n <= ROWS; n = n + 1) begin : g_rows
                if (j < PICKED + n - 1) begin : g_part
                    assign if_rows[BITS*(n-1)+:BITS] = taken[BITS*(PICKED*(j%n)+j/n)+:BITS];
                end else begin : g_none
                    assign if_rows[BITS*(n-1)+:BITS] = '0;
                end
            end
            lw_either #(.WORDS(ROWS), .BITS(BITS)) u_one (.is_one(works), .words(if_rows), .one(all[BITS*j+:BITS]));
        end
    endgenerate
    lw_slice #(.IN(SPAN), .OUT(PICKED), .GRAIN(BITS), .LEVELS($clog2(ROWS))) u_word (.from, .in(all), .out(picked));
endmodule
