// The drain of a wave: reads its accumulators depth by depth, a word of the output buffer a cycle.
//
// At one depth lie `across` x `of_depth` results, the channels of a tile side by side; a word is never filled from two
// depths. Tiles are transformed, and results pass the vector unit, `LANES` a cycle, which begins as many cycles ahead as a full word takes.
module lw_drain #(
    parameter int ADDRESS = 16,
    parameter int RESULTS = 8,   // of a word
    parameter int LANES = 8,     // of the vector unit
    parameter int TILES = 1,     // of the output transform, a cycle
    parameter int CYCLES = 1     // or for one
) (
    input  logic               clk,
    input  logic               rst,
    input  logic               start,       // from the next cycle on
    input  logic               bank_in,
    input  logic [15:0]        full,        // results of a depth
    input  logic [15:0]        least,       // of the last
    input  logic [15:0]        depths,
    input  logic [15:0]        operations,  // of the vector unit on each
    input  logic [15:0]        transforms,  // tiles of the wave; 0: none
    input  logic [ADDRESS-1:0] base,
    output logic               busy,
    output logic               last,
    output logic               write,
    output logic               bank,
    output logic [15:0]        depth,
    output logic [15:0]        from,        // first result of the word
    output logic [15:0]        count,       // results in it
    output logic [ADDRESS-1:0] address
);
    localparam int LAG = LANES >= RESULTS ? 0 : (RESULTS + LANES - 1) / LANES - 1;
    logic [15:0] here, final_here, of_full, deep, each;
    logic [31:0] passed, ready;   // operations begun, and those that a word of this cycle can count on
    logic [31:0] needed, all;
    logic [31:0] left_tiles;
    logic        wrote_all;

    wire deepest = depth + 16'd1 == deep;
    assign here = deepest ? final_here : of_full;
    wire [15:0] rest = here - from;
    assign count = rest > 16'(RESULTS) ? 16'(RESULTS) : rest;
    wire [31:0] with_word = needed + 32'(count) * 32'(each);
    assign ready = passed + 32'(LANES) * 32'(LAG + 1);
    assign write = busy && !wrote_all && ready >= with_word;
    wire ends_depth = write && count == rest;
    wire ends = wrote_all || (ends_depth && deepest);
    assign last = busy && ends && passed + 32'(LANES) >= all && left_tiles <= TILES;

    always_ff @(posedge clk) begin
        if (rst) busy <= 1'b0;
        else if (start) begin
            busy <= 1'b1;
            bank <= bank_in;
            {depth, from} <= 32'd0;
            of_full <= full;
            deep <= depths;
            each <= operations;
            final_here <= least;
            address <= base;
            passed <= 32'd0;
            needed <= 32'd0;
            wrote_all <= 1'b0;
            left_tiles <= 32'(transforms) * CYCLES;
            all <= (32'(full) * (32'(depths) - 32'd1) + 32'(least)) * 32'(operations);
        end else if (busy) begin
            busy <= !last;
            passed <= passed + 32'(LANES);
            wrote_all <= ends;
            left_tiles <= left_tiles <= TILES ? 32'd0 : left_tiles - TILES;
            if (write) begin
                needed <= with_word;
                address <= address + ADDRESS'(1);
                from <= ends_depth ? 16'd0 : from + count;
                depth <= ends_depth && !deepest ? depth + 16'd1 : depth;
            end
        end
    end
endmodule
