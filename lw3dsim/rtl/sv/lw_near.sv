// The words of a staged patch in which lanes find their inputs at one time: the word of the first lane and those behind it,
// which all lanes share. Word n stands at place n % `REACH`, so that one is chosen anew when another has been done with.
module lw_near #(
    parameter int WORD = 64,
    parameter int WORDS = 16,
    parameter int REACH = 4    // a power of two
) (
    /* verilator lint_off UNUSEDSIGNAL */  // it counts beyond the patch
    input  logic [15:0]            first,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [WORD*WORDS-1:0]  held,
    output logic [WORD*REACH-1:0]  nearby
);
    genvar i, n;
    generate
        if (REACH >= WORDS) begin : g_all
            assign nearby = (WORD*REACH)'(held);
            wire unused = &{1'b0, first};
        end else begin : g_some
            for (i = 0; i < REACH; i = i + 1) begin : g_place
                localparam int MANY = (WORDS - i + REACH - 1) / REACH;
                localparam int INDEX = $clog2(MANY) > 0 ? $clog2(MANY) : 1;
                wire [WORD*MANY-1:0] here;
                for (n = 0; n < MANY; n = n + 1) begin : g_word
                    assign here[WORD*n+:WORD] = held[WORD*(n*REACH+i)+:WORD];
                end
                wire [INDEX-1:0] at = INDEX'((first + 16'(REACH - 1 - i)) / 16'(REACH));
                lw_pick #(.WORDS(MANY), .BITS(WORD)) u_word (.which(16'(at)), .words(here), .picked(nearby[WORD*i+:WORD]));
            end
        end
    endgenerate
endmodule
