// Inputs of the array: lanes take their activations out of the staged patch.
//
// Pixel-parallel, every multiplier of a PE is a lane. Channel-parallel, a PE is a lane, and its multipliers take channels
// that lie side by side. Of Winograd tiles a column takes whole windows, element by element. What all take is cut into
// groups, each of elements that lie near each other: it chooses the few words in which they are, and of these each its own.
// Where rows read inputs of their own these lie side by side.
module lw_operands #(
    parameter int ROWS = 2,
    parameter int COLS = 2,
    parameter int MULTS = 4,
    parameter int PLACES = 4,      // elements that a column takes
    parameter int ACTIVATION = 8,
    parameter int WORD = 64,
    parameter int STAGED = 16,     // words of the patch
    parameter int REACH = 3,       // in which all lanes find their inputs at one time
    parameter int NEAR = 3,        // in which a group finds them
    parameter int GROUPS = 1,      // of what lanes take
    parameter int GROUP = 4,       // elements of a group
    parameter int WINDOW = 1,      // places in windows
    parameter int AT = 16,         // bits of a place in the patch
    parameter int OWN_INPUTS = 0   // whether rows read inputs of their own
) (
    input  logic                     clk,
    input  logic                     tree,
    input  logic [7:0]               mode,      // algorithm; 0: direct
    input  logic [COLS*MULTS*AT-1:0] places,
    input  logic [47:0]              window,    // from element to element, along T, H, W
    input  logic                     grouped,   // whether inputs of the rows lie side by side
    input  logic [WORD*STAGED-1:0]   patch,
    output logic [(OWN_INPUTS != 0 ? ROWS : 1)*COLS*PLACES*ACTIVATION-1:0] data
);
    localparam int INPUTS = OWN_INPUTS != 0 ? ROWS : 1;
    localparam int EACH = WORD / ACTIVATION;
    localparam int PICKERS = GROUPS * GROUP;
    // A place among the words of all lanes counts within these, and among those of a group within those.
    localparam int FAR = REACH < STAGED ? REACH : STAGED;
    localparam int FEW = NEAR < FAR ? NEAR : FAR;
    wire [WORD*FAR-1:0] held;
    // The tile of the first lane is the first in the patch.
    lw_near #(.WORD(WORD), .WORDS(STAGED), .REACH(FAR)) u_near (.first(16'(places[AT-1:0]) / 16'(EACH)), .held(patch), .nearby(held));
    wire [WINDOW*AT-1:0] elements;
    lw_window #(.AT(AT)) u_window (.window, .elements);
    wire [PICKERS*AT-1:0] at;
    wire [PICKERS*INPUTS*ACTIVATION-1:0] found;
    wire [COLS*PLACES*INPUTS*ACTIVATION-1:0] taken;
    lw_finding #(.AT(AT)) u_finding (.mode, .tree, .places, .elements, .at);
    lw_taken #(.BITS(INPUTS * ACTIVATION)) u_taken (.mode, .found, .taken);
    genvar r, g, m;
    generate
        for (g = 0; g < GROUPS; g = g + 1) begin : g_group
            wire [WORD*FEW-1:0] nearby;
            lw_near #(.WORD(WORD), .WORDS(FAR), .REACH(FEW)) u_few (
                .first(16'(at[AT*GROUP*g+:AT]) / 16'(EACH)), .held, .nearby
            );
            for (m = 0; m < GROUP; m = m + 1) begin : g_element
                localparam int PICKER = GROUP * g + m;
                lw_chosen #(.FROM(FEW * EACH), .MANY(INPUTS), .ELEMENT(ACTIVATION), .WRAPS(FEW < STAGED ? 1 : 0)) u_found (
                    .place(16'(at[AT*PICKER+:AT])), .from(nearby),
                    .found(found[INPUTS*ACTIVATION*PICKER+:INPUTS*ACTIVATION])
                );
            end
        end
        for (m = 0; m < COLS * PLACES; m = m + 1) begin : g_place
            for (r = 0; r < INPUTS; r = r + 1) begin : g_input
                // Both at constant places: a place that is worked out becomes a shifter over all.
                always_ff @(posedge clk)
                    data[ACTIVATION*(r*COLS*PLACES+m)+:ACTIVATION] <=
                        grouped ? taken[ACTIVATION*(m*INPUTS+r)+:ACTIVATION] : taken[ACTIVATION*m*INPUTS+:ACTIVATION];
            end
        end
        if (OWN_INPUTS == 0) begin : g_shared
            wire unused = &{1'b0, grouped};
        end
    endgenerate
endmodule
