// Operands of the array: lanes take their activations out of the staged patch, rows their weights.
//
// Pixel-parallel, every multiplier of a PE is a lane, and a row has one weight for all. Channel-parallel, a PE is a lane,
// and its multipliers take channels that lie side by side. Of Winograd tiles a column takes whole windows, element by
// element; a multiplier the weight of one coordinate, of a part of the tile where that has more than a PE multipliers.
// Where rows read inputs of their own these lie side by side too. All lanes choose among the same few words of the patch.
module lw_operands #(
    parameter int ROWS = 2,
    parameter int COLS = 2,
    parameter int MULTS = 4,
    parameter int PLACES = 4,      // elements that a column takes
    parameter int ACTIVATION = 8,
    parameter int WEIGHT = 8,      // transformed, or as wide as the plain ones
    parameter int WORD = 64,
    parameter int STAGED = 16,     // words of the patch
    parameter int REACH = 3,       // in which lanes find their inputs at one time
    parameter int AT = 16,         // bits of a place in the patch
    parameter int TAKEN = 32,      // bits of a row's weights of a tap
    parameter int OWN_INPUTS = 0,  // whether rows read inputs of their own
    parameter int PLAIN = 8,
    parameter int ONCHIP = 0,      // whether weights of tiles are transformed here
    parameter int TILED = 1        // whether there are algorithms
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
    input  logic                    grouped,   // whether inputs of the rows lie side by side
    input  logic [15:0]             channels,  // in this round
    input  logic [15:0]             working,   // lanes
    input  logic [15:0]             rows,
    input  logic [WORD*STAGED-1:0]  patch,
    input  logic [ROWS*TAKEN-1:0]   kernels,   // weights of the tap, of every row
    output logic [(OWN_INPUTS != 0 ? ROWS : 1)*COLS*PLACES*ACTIVATION-1:0] data,
    output logic [ROWS*MULTS*WEIGHT-1:0] weights,
    output logic [ROWS*COLS*MULTS-1:0]   works
);
    localparam int FILES = COLS * MULTS;
    wire winograd = TILED != 0 && mode != 8'd0;
    localparam int INPUTS = OWN_INPUTS != 0 ? ROWS : 1;
    localparam int EACH = WORD / ACTIVATION;
    // A place among the words that are near counts within these.
    localparam int NEAR = REACH < STAGED ? REACH : STAGED;
    wire [WORD*NEAR-1:0] nearby;
    // The tile of the first lane is the first in the patch.
    lw_near #(.WORD(WORD), .WORDS(STAGED), .REACH(NEAR)) u_near (.first(16'(places[AT-1:0]) / 16'(EACH)), .held(patch), .nearby);
    localparam int PARTS = PLACES / MULTS;
    genvar r, c, m, p;
    generate
        for (c = 0; c < COLS; c = c + 1) begin : g_col
            for (m = 0; m < PLACES; m = m + 1) begin : g_place
                wire [15:0] direct = tree ? 16'(places[AT*c+:AT]) + 16'(m) :
                                     m < MULTS ? 16'(places[AT*(c*MULTS+m%MULTS)+:AT]) : '0;
                wire [15:0] place;
                if (TILED != 0) begin : g_tiled
                    wire [15:0] own_lane = 16'(c) * 16'(per_col) + 16'(lane[8*m+:8]);
                    wire [15:0] element;
                    lw_window u_element (.window, .at_t(at_t[8*m+:8]), .at_h(at_h[8*m+:8]), .at_w(at_w[8*m+:8]), .element);
                    wire [AT-1:0] of_lane;
                    lw_pick #(.WORDS(FILES), .BITS(AT)) u_lane (.which(own_lane), .words(places), .picked(of_lane));
                    assign place = winograd ? 16'(of_lane) + element : direct;
                end else begin : g_direct
                    assign place = direct;
                end
                wire [INPUTS*ACTIVATION-1:0] found;
                lw_chosen #(.FROM(NEAR * EACH), .MANY(INPUTS), .ELEMENT(ACTIVATION), .WRAPS(REACH < STAGED ? 1 : 0)) u_found (
                    .place, .from(nearby), .found
                );
                for (r = 0; r < INPUTS; r = r + 1) begin : g_input
                    always_ff @(posedge clk)
                        data[ACTIVATION*((r*COLS+c)*PLACES+m)+:ACTIVATION] <=
                            found[ACTIVATION*(grouped ? r : 0)+:ACTIVATION];
                end
            end
            for (m = 0; m < MULTS; m = m + 1) begin : g_file
                localparam int FILE = c * MULTS + m;
                // Of the part that is taken.
                wire [9*PARTS-1:0] of_parts;
                wire is_used;
                wire [7:0] of_column;
                for (p = 0; p < PARTS; p = p + 1) begin : g_part
                    assign of_parts[9*p+:9] = {used[p*MULTS+m], lane[8*(p*MULTS+m)+:8]};
                end
                lw_pick #(.WORDS(PARTS), .BITS(9)) u_part (.which(16'(part)), .words(of_parts), .picked({is_used, of_column}));
                wire [15:0] own_lane = 16'(c) * 16'(per_col) + 16'(of_column);
                wire here = winograd ? is_used && own_lane < working :
                            tree ? 16'(c) < working && 16'(m) < channels : 16'(FILE) < working;
                always_ff @(posedge clk)
                    for (int row = 0; row < ROWS; row++) works[row*FILES+FILE] <= go && here && 16'(row) < rows;
            end
        end
        for (r = 0; r < ROWS && ONCHIP != 0; r = r + 1) begin : g_kernel
            wire [PLACES*WEIGHT-1:0] made;
            wire [PLACES*PLAIN-1:0] plain = kernels[TAKEN*r+:PLACES*PLAIN];
            lw_weight_transform #(.PLACES(PLACES), .IN(PLAIN), .WIDE(WEIGHT), .OUT(WEIGHT)) u_transform (
                .mode, .in(plain), .out(made)
            );
        end
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            for (m = 0; m < MULTS; m = m + 1) begin : g_weight
                wire [8*PARTS-1:0] of_parts;
                wire [7:0] own;
                for (p = 0; p < PARTS; p = p + 1) begin : g_part
                    assign of_parts[8*p+:8] = coordinate[8*(p*MULTS+m)+:8];
                end
                lw_pick #(.WORDS(PARTS), .BITS(8)) u_part (.which(16'(part)), .words(of_parts), .picked(own));
                wire [WEIGHT-1:0] stored, taken;
                lw_weight #(.KERNELS(TAKEN), .WEIGHT(WEIGHT), .PLAIN(PLAIN)) u_weight (
                    .mode, .tree, .coordinate(own), .own(kernels[TAKEN*r+PLAIN*m+:PLAIN]), .kernels(kernels[TAKEN*r+:TAKEN]),
                    .weight(stored)
                );
                if (ONCHIP != 0) begin : g_onchip
                    wire [WEIGHT-1:0] transformed;
                    lw_pick #(.WORDS(PLACES), .BITS(WEIGHT)) u_made (
                        .which(16'(own)), .words(g_kernel[r].made), .picked(transformed)
                    );
                    assign taken = winograd ? transformed : stored;
                end else begin : g_offline
                    assign taken = stored;
                end
                always_ff @(posedge clk) weights[WEIGHT*(r*MULTS+m)+:WEIGHT] <= taken;
            end
        end
        if (TILED == 0) begin : g_direct
            wire unused = &{1'b0, per_col, at_t, at_h, at_w, window};
        end
        if (OWN_INPUTS == 0) begin : g_shared
            wire unused = &{1'b0, grouped};
        end
    endgenerate
endmodule
