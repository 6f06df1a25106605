// What a lane takes of the words that are near: an element, or as many side by side as there are rows.
module lw_chosen #(
    parameter int FROM = 64,
    parameter int MANY = 1,
    parameter int ELEMENT = 8,
    parameter int WRAPS = 1   // behind the last comes the first, of a power of two
) (
    /* verilator lint_off UNUSEDSIGNAL */  // it counts beyond them
    input  logic [15:0]              place,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [FROM*ELEMENT-1:0]  from,
    output logic [MANY*ELEMENT-1:0]  found
);
    localparam int INDEX = $clog2(FROM) > 0 ? $clog2(FROM) : 1;
    wire [INDEX-1:0] at = place[INDEX-1:0];
    generate
        if (MANY == 1) begin : g_one
            lw_pick #(.WORDS(FROM), .BITS(ELEMENT)) u_pick (.which(16'(at)), .words(from), .picked(found));
        end else begin : g_some
            wire [(FROM+MANY-1)*ELEMENT-1:0] all = {WRAPS != 0 ? from[(MANY-1)*ELEMENT-1:0] : '0, from};
            lw_slice #(.IN(FROM + MANY - 1), .OUT(MANY), .GRAIN(ELEMENT), .LEVELS(INDEX)) u_slice (.from(16'(at)), .in(all), .out(found));
        end
    endgenerate
endmodule
