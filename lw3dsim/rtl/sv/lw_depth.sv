// What has passed so many registers, of the numbers that there may be; 0 is one of them.
module lw_depth #(
    parameter int BITS = 1,
    parameter int MOST = 1,
    parameter int DEPTHS = -1   // bit n: there may be n
) (
    input  logic [7:0]               depth,
    /* verilator lint_off UNUSEDSIGNAL */  // of numbers that there never are
    input  logic [BITS*(MOST+1)-1:0] at,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [BITS-1:0]          out
);
    genvar i;
    generate
        for (i = 0; i <= MOST; i = i + 1) begin : g_number
            wire [BITS-1:0] found;
            if (i == 0) begin : g_none
                assign found = at[BITS-1:0];
            end else if (((DEPTHS >> i) & 1) != 0) begin : g_found
                assign found = depth == 8'(i) ? at[BITS*i+:BITS] : g_number[i-1].found;
            end else begin : g_never
                assign found = g_number[i-1].found;
            end
        end
        if ((DEPTHS >> 1) % (1 << MOST) == 0) begin : g_one
            wire unused = &{1'b0, depth};
        end
    endgenerate
    assign out = g_number[MOST].found;
endmodule
