// Operands of the array: lanes take their activations out of the staged patch, rows their weights.
//
// Pixel-parallel, every multiplier of a PE is a lane, and a row has one weight for all. Channel-parallel, a PE is a lane,
// and its multipliers take channels that lie side by side. Of Winograd tiles a column takes whole windows, element by
// element; a multiplier the weight of one coordinate, of a part of the tile where that has more than a PE multipliers.
// Where rows read inputs of their own these lie side by side too.
module lw_operands #(
    parameter int ROWS = 2,
    parameter int COLS = 2,
    parameter int MULTS = 4,
    parameter int PLACES = 4,      // elements that a column takes
    parameter int ACTIVATION = 8,
    parameter int WEIGHT = 8,      // transformed, or as wide as the plain ones
    parameter int PATCH = 64,      // staged activations
    parameter int AT = 16,         // bits of a place among them
    parameter int KERNELS = 512,   // staged bits of weights
    parameter int OWN_INPUTS = 0,  // whether rows read inputs of their own
    parameter int PLAIN = 8,
    parameter int ONCHIP = 0       // whether weights of tiles are transformed here
) (
    input  logic                    clk,
    input  logic                    go,
    input  logic                    tree,
    input  logic [7:0]              mode,      // algorithm; 0: direct
    input  logic [7:0]              part,      // of a tile
    input  logic [7:0]              per_col,   // lanes of a column
    // Of each place of a column: whether it is of a tile, its lane, its coordinate, and that along T, H and W.
    input  logic [PLACES-1:0]       used,
    input  logic [8*PLACES-1:0]     lane,
    input  logic [8*PLACES-1:0]     coordinate,
    input  logic [8*PLACES-1:0]     at_t,
    input  logic [8*PLACES-1:0]     at_h,
    input  logic [8*PLACES-1:0]     at_w,
    input  logic [COLS*MULTS*AT-1:0] places,
    input  logic [47:0]             window,    // from element to element, along T, H, W
    input  logic [15:0]             row_place, // from row to row
    input  logic [15:0]             kernel,    // tap
    input  logic [15:0]             channels,  // in this round
    input  logic [15:0]             working,   // lanes
    input  logic [15:0]             rows,
    input  logic [15:0]             span,      // weights of a tap
    input  logic [15:0]             taps,
    input  logic [PATCH*ACTIVATION-1:0] patch,
    input  logic [KERNELS-1:0]      kernels,
    output logic [(OWN_INPUTS != 0 ? ROWS : 1)*COLS*PLACES*ACTIVATION-1:0] data,
    output logic [ROWS*MULTS*WEIGHT-1:0] weights,
    output logic [ROWS*COLS*MULTS-1:0]   works
);
    localparam int FILES = COLS * MULTS;
    wire winograd = mode != 8'd0;
    // Where the weights of a tap lie, and how far apart those of rows.
    wire [15:0] at_tap = kernel * span, of_row = taps * span;
    genvar r, c, m;
    generate
        for (c = 0; c < COLS; c = c + 1) begin : g_col
            for (m = 0; m < PLACES; m = m + 1) begin : g_place
                wire [15:0] own_lane = 16'(c) * 16'(per_col) + 16'(lane[8*m+:8]);
                wire [15:0] element = window[15:0] * 16'(at_w[8*m+:8]) + window[31:16] * 16'(at_h[8*m+:8]) +
                                      window[47:32] * 16'(at_t[8*m+:8]);
                wire [15:0] direct = tree ? 16'(places[AT*c+:AT]) + 16'(m) :
                                     m < MULTS ? 16'(places[AT*(c*MULTS+m%MULTS)+:AT]) : '0;
                wire [15:0] place = winograd ? 16'(places[AT*32'(own_lane)+:AT]) + element : direct;
                for (r = 0; r < (OWN_INPUTS != 0 ? ROWS : 1); r = r + 1) begin : g_input
                    wire [15:0] own = OWN_INPUTS != 0 ? place + 16'(r) * row_place : place;
                    always_ff @(posedge clk)
                        data[ACTIVATION*((r*COLS+c)*PLACES+m)+:ACTIVATION] <= patch[ACTIVATION*32'(own)+:ACTIVATION];
                end
            end
            for (m = 0; m < MULTS; m = m + 1) begin : g_file
                localparam int FILE = c * MULTS + m;
                wire [31:0] at = 32'(part) * MULTS + m;
                wire [15:0] own_lane = 16'(c) * 16'(per_col) + 16'(lane[8*at+:8]);
                wire here = winograd ? used[at] && own_lane < working :
                            tree ? 16'(c) < working && 16'(m) < channels : 16'(FILE) < working;
                always_ff @(posedge clk)
                    for (int row = 0; row < ROWS; row++) works[row*FILES+FILE] <= go && here && 16'(row) < rows;
            end
        end
        for (r = 0; r < ROWS && ONCHIP != 0; r = r + 1) begin : g_kernel
            wire [PLACES*WEIGHT-1:0] made;
            wire [15:0] begins = at_tap + 16'(r) * of_row;
            wire [KERNELS+PLACES*PLAIN-1:0] staged = (KERNELS+PLACES*PLAIN)'(kernels);
            wire [PLACES*PLAIN-1:0] plain = staged[PLAIN*32'(begins)+:PLACES*PLAIN];
            lw_weight_transform #(.PLACES(PLACES), .IN(PLAIN), .WIDE(WEIGHT), .OUT(WEIGHT)) u_transform (
                .mode, .in(plain), .out(made)
            );
        end
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            for (m = 0; m < MULTS; m = m + 1) begin : g_weight
                wire [31:0] at = 32'(part) * MULTS + m;
                wire [15:0] own = winograd ? 16'(coordinate[8*at+:8]) : tree ? 16'(m) : 16'd0;
                wire [WEIGHT-1:0] stored, taken;
                lw_weight #(.KERNELS(KERNELS), .WEIGHT(WEIGHT)) u_weight (
                    .mode, .place(at_tap + 16'(r) * of_row + own), .kernels, .weight(stored)
                );
                if (ONCHIP != 0) begin : g_onchip
                    assign taken = winograd ? g_kernel[r].made[WEIGHT*32'(own)+:WEIGHT] : stored;
                end else begin : g_offline
                    assign taken = stored;
                end
                always_ff @(posedge clk) weights[WEIGHT*(r*MULTS+m)+:WEIGHT] <= taken;
            end
        end
        if (OWN_INPUTS == 0) begin : g_shared
            wire unused = &{1'b0, row_place};
        end
    endgenerate
endmodule
