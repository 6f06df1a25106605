// How far an element of a window lies behind its first, in a staged patch.
module lw_window (
    input  logic [47:0] window,  // from element to element, along T, H, W
    input  logic [7:0]  at_t,
    input  logic [7:0]  at_h,
    input  logic [7:0]  at_w,
    output logic [15:0] element
);
    assign element = window[15:0] * 16'(at_w) + window[31:16] * 16'(at_h) + window[47:32] * 16'(at_t);
endmodule
