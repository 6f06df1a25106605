// Operands of the array: lanes take their activations out of the staged patch, rows their weights.
//
// Pixel-parallel, every multiplier of a PE is a lane, and a row has one weight for all. Channel-parallel, a PE is a lane,
// and its multipliers take channels that lie side by side. Of a Winograd tile every multiplier takes one element of the
// window, and the weight of one coordinate. Where rows read inputs of their own these lie side by side too.
module lw_operands #(
    parameter int ROWS = 2,
    parameter int COLS = 2,
    parameter int MULTS = 4,
    parameter int ACTIVATION = 8,
    parameter int WEIGHT = 8,      // transformed, or as wide as the plain ones
    parameter int PLAIN = 8,
    parameter int PATCH = 64,      // staged activations
    parameter int KERNELS = 512,   // staged bits of weights
    parameter int OWN_INPUTS = 0,  // whether rows read inputs of their own
    parameter int WINDOW_T = 1,    // coordinates of a Winograd tile
    parameter int WINDOW_H = 1,
    parameter int WINDOW_W = 1
) (
    input  logic                                             clk,
    input  logic                                             go,
    input  logic                                             tree,
    input  logic                                             winograd,
    input  logic [COLS*MULTS*16-1:0]                         places,
    input  logic [47:0]                                      window,    // from element to element, along T, H, W
    input  logic [15:0]                                      row_place, // from row to row
    input  logic [15:0]                                      kernel,    // tap
    input  logic [15:0]                                      channels,  // in this round
    input  logic [15:0]                                      working,   // lanes
    input  logic [15:0]                                      rows,
    input  logic [15:0]                                      span,      // weights of a tap
    input  logic [15:0]                                      taps,
    input  logic [PATCH*ACTIVATION-1:0]                      patch,
    input  logic [KERNELS-1:0]                               kernels,
    output logic [(OWN_INPUTS != 0 ? ROWS : 1)*COLS*MULTS*ACTIVATION-1:0] data,
    output logic [ROWS*MULTS*WEIGHT-1:0]                     weights,
    output logic [ROWS*COLS*MULTS-1:0]                       works
);
    localparam int FILES = COLS * MULTS;
    localparam int EACH = WINDOW_T * WINDOW_H * WINDOW_W;
    localparam int TILES = MULTS >= EACH ? MULTS / EACH : 1;
    genvar r, c, m;
    generate
        for (c = 0; c < COLS; c = c + 1) begin : g_col
            for (m = 0; m < MULTS; m = m + 1) begin : g_file
                localparam int FILE = c * MULTS + m;
                // Its lane and its element where tiles are Winograd's.
                localparam int LANE = m / EACH < TILES ? c * TILES + m / EACH : 0;
                localparam int AT_W = m % WINDOW_W;
                localparam int AT_H = (m % EACH) / WINDOW_W % WINDOW_H;
                localparam int AT_T = (m % EACH) / (WINDOW_W * WINDOW_H);
                wire [15:0] element = window[15:0] * 16'(AT_W) + window[31:16] * 16'(AT_H) + window[47:32] * 16'(AT_T);
                wire [15:0] place = winograd ? places[16*LANE+:16] + element :
                                    tree ? places[16*c+:16] + 16'(m) : places[16*FILE+:16];
                wire here = winograd ? m / EACH < TILES && 16'(LANE) < working :
                            tree ? 16'(c) < working && 16'(m) < channels : 16'(FILE) < working;
                for (r = 0; r < (OWN_INPUTS != 0 ? ROWS : 1); r = r + 1) begin : g_input
                    wire [15:0] own = OWN_INPUTS != 0 ? place + 16'(r) * row_place : place;
                    always_ff @(posedge clk)
                        data[ACTIVATION*(r*FILES+FILE)+:ACTIVATION] <= patch[ACTIVATION*32'(own)+:ACTIVATION];
                end
                always_ff @(posedge clk)
                    for (int row = 0; row < ROWS; row++) works[row*FILES+FILE] <= go && here && 16'(row) < rows;
            end
        end
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            for (m = 0; m < MULTS; m = m + 1) begin : g_weight
                wire [15:0] own = winograd ? 16'(m % EACH) : tree ? 16'(m) : 16'd0;
                wire [15:0] place = (16'(r) * taps + kernel) * span + own;
                always_ff @(posedge clk)
                    weights[WEIGHT*(r*MULTS+m)+:WEIGHT] <= winograd ? kernels[WEIGHT*32'(place)+:WEIGHT] :
                        WEIGHT'($signed(kernels[PLAIN*32'(place)+:PLAIN]));
            end
        end
        if (OWN_INPUTS == 0) begin : g_shared
            wire unused = &{1'b0, row_place};
        end
    endgenerate
endmodule
