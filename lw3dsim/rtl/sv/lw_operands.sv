// Operands of the array: lanes take their activations out of the staged patch, rows their weights.
//
// Pixel-parallel, every multiplier of a PE is a lane, and a row has one weight for all. Channel-parallel, a PE is a
// lane, and its multipliers take channels that lie side by side.
module lw_operands #(
    parameter int ROWS = 2,
    parameter int COLS = 2,
    parameter int MULTS = 4,
    parameter int ACTIVATION = 8,
    parameter int WEIGHT = 8,
    parameter int PATCH = 64,     // staged activations
    parameter int KERNELS = 64    // staged weights
) (
    input  logic                              clk,
    input  logic                              go,
    input  logic                              tree,
    input  logic [COLS*MULTS*16-1:0]          places,
    input  logic [15:0]                       kernel,    // tap
    input  logic [15:0]                       channels,  // in this round
    input  logic [15:0]                       working,   // lanes
    input  logic [15:0]                       rows,
    input  logic [15:0]                       together,  // channels that lie side by side
    input  logic [15:0]                       taps,
    input  logic [PATCH*ACTIVATION-1:0]       patch,
    input  logic [KERNELS*WEIGHT-1:0]         kernels,
    output logic [COLS*MULTS*ACTIVATION-1:0]  data,
    output logic [ROWS*MULTS*WEIGHT-1:0]      weights,
    output logic [ROWS*COLS*MULTS-1:0]        works
);
    localparam int FILES = COLS * MULTS;
    genvar r, c, m;
    generate
        for (c = 0; c < COLS; c = c + 1) begin : g_col
            for (m = 0; m < MULTS; m = m + 1) begin : g_file
                localparam int FILE = c * MULTS + m;
                wire [15:0] place = tree ? places[16*c+:16] + 16'(m) : places[16*FILE+:16];
                wire here = tree ? 16'(c) < working && 16'(m) < channels : 16'(FILE) < working;
                always_ff @(posedge clk) begin
                    data[ACTIVATION*FILE+:ACTIVATION] <= patch[ACTIVATION*32'(place)+:ACTIVATION];
                    for (int row = 0; row < ROWS; row++) works[row*FILES+FILE] <= go && here && 16'(row) < rows;
                end
            end
        end
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            for (m = 0; m < MULTS; m = m + 1) begin : g_weight
                wire [15:0] place = (16'(r) * taps + kernel) * together + (tree ? 16'(m) : 16'd0);
                always_ff @(posedge clk)
                    weights[WEIGHT*(r*MULTS+m)+:WEIGHT] <= kernels[WEIGHT*32'(place)+:WEIGHT];
            end
        end
    endgenerate
endmodule
