// The array: input transforms of the columns, PEs, their accumulators, output transforms behind them.
//
// Of a tile in parts the places are gathered before they are transformed.
module lw_array #(
    parameter int ROWS = 2,
    parameter int COLS = 2,
    parameter int MULTS = 4,
    parameter int PARTS = 1,
    parameter int OUTS = 4,          // results of a PE
    parameter int PLACE_BITS = 4,
    parameter int OWN_INPUTS = 0,
    parameter int ACTIVATION = 8,
    parameter int DATA = 8,
    parameter int WEIGHT = 8,
    parameter int SUM = 32,
    parameter int RESULT = 32,
    parameter int STAGES = 1,
    parameter int IN_STAGES = 0,
    parameter int IN_DEPTHS = 1,  // bit n: there are layers with so many
    localparam int FILES = COLS * MULTS,
    localparam int PLACES = PARTS * MULTS,
    localparam int INPUTS = OWN_INPUTS != 0 ? ROWS : 1
) (
    input  logic                         clk,
    input  logic [7:0]                   mode,       // algorithm of what is fed
    input  logic [7:0]                   read_mode,  // of what is read
    input  logic [7:0]                   in_stages,  // registers of its transforms
    input  logic [7:0]                   passes,     // parts of its tile
    input  logic                         tree,       // sum up all products of a PE, then too
    input  logic [7:0]                   part,       // of the tile that is fed
    input  logic [INPUTS*COLS*PLACES*ACTIVATION-1:0] elements,
    input  logic [ROWS*MULTS*WEIGHT-1:0] weights,    // when inputs have been transformed
    input  logic [ROWS*FILES-1:0]        works,
    input  logic                         add_bank,   // where products go that are made
    input  logic                         add_first,
    input  logic [PLACE_BITS-1:0]        add_place,
    input  logic                         read_takes, // a place is read
    input  logic                         read_bank,
    input  logic [7:0]                   read_part,
    input  logic [PLACE_BITS-1:0]        read_place,
    output logic [ROWS*FILES-1:0]        updates,
    output logic [ROWS*COLS*OUTS*RESULT-1:0] results
);
    // The input transform stands behind the files; weights and controls come later.
    wire [INPUTS*FILES*DATA-1:0] coordinates, data;
    lw_taps #(.BITS(INPUTS*FILES*DATA), .STAGES(IN_STAGES), .DEPTHS(IN_DEPTHS)) u_transformed (
        .clk, .stages(in_stages), .in(coordinates), .out(data)
    );

    wire add_tree;
    wire [ROWS*FILES-1:0] add_works;
    lw_delay #(.BITS(ROWS*FILES + 1), .STAGES(STAGES)) u_add_works (
        .clk, .in({works, tree}), .out({add_works, add_tree})
    );

    wire [ROWS*FILES*SUM-1:0] sums;
    wire [ROWS*COLS*OUTS*RESULT-1:0] outputs;
    genvar r, c;
    generate
        for (r = 0; r < INPUTS; r = r + 1) begin : g_input
            for (c = 0; c < COLS; c = c + 1) begin : g_transform
                lw_input_transform #(.MULTS(MULTS), .PLACES(PLACES), .IN(ACTIVATION), .OUT(DATA)) u_input (
                    .mode, .part, .in(elements[(r*COLS+c)*PLACES*ACTIVATION+:PLACES*ACTIVATION]),
                    .out(coordinates[(r*FILES+c*MULTS)*DATA+:MULTS*DATA])
                );
            end
        end
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            for (c = 0; c < COLS; c = c + 1) begin : g_pe
                wire [MULTS*SUM-1:0] products;
                wire [MULTS-1:0] multiplies = add_works[r*FILES+c*MULTS+:MULTS];
                wire [MULTS-1:0] adds = add_tree ? MULTS'(multiplies[0]) : multiplies;
                assign updates[r*FILES+c*MULTS+:MULTS] = adds;
                lw_pe #(.MULTS(MULTS), .DATA(DATA), .WEIGHT(WEIGHT), .SUM(SUM), .STAGES(STAGES)) u_pe (
                    .clk, .tree, .works(works[r*FILES+c*MULTS+:MULTS]),
                    .data(data[((OWN_INPUTS != 0 ? r : 0)*FILES+c*MULTS)*DATA+:MULTS*DATA]),
                    .weights(weights[r*MULTS*WEIGHT+:MULTS*WEIGHT]), .products
                );
                lw_accumulators #(.MULTS(MULTS), .SUM(SUM), .PLACE(PLACE_BITS)) u_sums (
                    .clk, .adds, .first(add_first), .bank(add_bank), .place(add_place), .products,
                    .drain_bank(read_bank), .drain_place(read_place), .sums(sums[SUM*(r*FILES+c*MULTS)+:SUM*MULTS])
                );
                wire [PLACES*SUM-1:0] gathered;
                lw_gather #(.BITS(MULTS*SUM), .PARTS(PARTS)) u_gather (
                    .clk, .takes(read_takes), .part(read_part), .sums(sums[SUM*(r*FILES+c*MULTS)+:SUM*MULTS]), .gathered
                );
                lw_output_transform u_output (
                    .mode(read_mode), .in(gathered), .out(outputs[RESULT*(r*COLS+c)*OUTS+:RESULT*OUTS])
                );
            end
        end
    endgenerate
    generate
        if (PARTS == 1) begin : g_at_once
            // Accumulators are read until all words of a depth have been made.
            assign results = outputs;
            wire unused = &{1'b0, passes};
        end else begin : g_kept
            // What has been read and transformed stays until the next depth has.
            wire whole = read_takes && read_part + 8'd1 == passes;
            for (r = 0; r < ROWS * COLS; r = r + 1) begin : g_made
                lw_passing #(.WORD(OUTS*RESULT)) u_waits (
                    .clk, .comes(whole), .data(outputs[OUTS*RESULT*r+:OUTS*RESULT]), .held(results[OUTS*RESULT*r+:OUTS*RESULT])
                );
            end
        end
    endgenerate
endmodule
