// The vector unit of layers of its own: lanes take operands from where rounds are staged, as late as products are added, and
// a word takes what they made, from one lane on, in the place of what the collector picked.
module lw_groups_made #(
    parameter int LANES = 8,
    parameter int ELEMENT = 8,
    parameter int BITS = 32,
    parameter int PICKED = 8,
    parameter int LATENCY = 1,
    parameter int STAGES = 0,
    parameter int PRODUCTS = 1,
    parameter int TRG = 1,
    parameter int SUMMED = 16,
    parameter int MORE = 0,      // of transforms that layers of a fused group have, at most
    parameter int DEPTHS = -1    // bit n: they may have n
) (
    input  logic                     clk,
    input  logic [7:0]               more,     // of these, those that there are
    // Of the group that is fed.
    input  logic [2:0]               kind,     // 0: no vector step
    input  logic                     opens,
    input  logic                     closes,
    input  logic [15:0]              count,
    // Where its operand is staged.
    input  logic                     go,
    input  logic                     go_bank,
    input  logic                     go_first,
    input  logic [LANES*ELEMENT-1:0] operand,
    // Of the word that is written.
    input  logic                     takes,    // what lanes made
    input  logic                     read_bank,
    input  logic [15:0]              from,
    input  logic [PICKED*BITS-1:0]   summed,
    output logic [LANES-1:0]         operates,
    output logic                     operates_first,
    output logic [PICKED*BITS-1:0]   picked
);
    localparam int MANY = LANES < PICKED ? LANES : PICKED;
    wire [2:0] go_kind, on_kind;
    wire go_opens, go_closes, works, bank, on_opens, on_closes;
    wire [15:0] go_count, on_count;
    wire [LANES*ELEMENT-1:0] taken;
    wire [LANES*BITS-1:0] results;
    lw_delay #(.BITS(21), .STAGES(LATENCY)) u_ahead (
        .clk, .in({kind, opens, closes, count}), .out({go_kind, go_opens, go_closes, go_count})
    );
    wire [23+LANES*ELEMENT:0] soon;
    lw_delay #(.BITS(24 + LANES*ELEMENT), .STAGES(STAGES + 1)) u_operand (
        .clk, .in({go && go_kind != 3'd0, go_bank, go_first, go_kind, go_opens, go_closes, go_count, operand}), .out(soon)
    );
    lw_taps #(.BITS(24 + LANES*ELEMENT), .STAGES(MORE), .DEPTHS(DEPTHS)) u_later (
        .clk, .stages(more), .in(soon),
        .out({works, bank, operates_first, on_kind, on_opens, on_closes, on_count, taken})
    );
    lw_lanes #(
        .LANES(LANES), .ELEMENT(ELEMENT), .BITS(BITS), .PRODUCTS(PRODUCTS), .TRG(TRG), .SUMMED(SUMMED)
    ) u_lanes (
        .clk, .works, .bank, .first(operates_first), .kind(on_kind), .opens(on_opens), .closes(on_closes),
        .count(on_count), .operand(taken), .read_bank, .working(operates), .results
    );
    wire [MANY*BITS-1:0] made;
    lw_slice #(.IN(LANES), .OUT(MANY), .GRAIN(BITS), .LEVELS($clog2(LANES))) u_made (.from, .in(results), .out(made));
    assign picked[MANY*BITS-1:0] = takes ? made : summed[MANY*BITS-1:0];
    generate
        if (PICKED > MANY) begin : g_rest
            assign picked[PICKED*BITS-1:MANY*BITS] = summed[PICKED*BITS-1:MANY*BITS];
        end
    endgenerate
endmodule
