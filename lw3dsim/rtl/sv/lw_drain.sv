// The drain of a wave, depth by depth: reads its accumulators, a place a cycle, and passes words at the port of the output
// buffer, one a cycle: first the partial sums that its outputs are added to, then these sums, or results.
//
// A word is never filled from two depths. Results pass the vector unit, `LANES` operations a cycle, which begins as many cycles ahead
// as a full word takes. A sum may lie in two words: `offset` are its bits in words before.
module lw_drain #(
    parameter int ADDRESS = 16,
    parameter int WORD = 64,     // bits
    parameter int SUM = 32,      // of a partial sum
    parameter int RESULTS = 8,   // of a word
    parameter int LANES = 8,     // of the vector unit
    parameter int PARTS = 1      // places of a tile
) (
    input  logic               clk,
    input  logic               rst,
    input  logic               start,       // from the next cycle on
    input  logic               bank_in,
    // Of the wave that drains.
    input  logic               sums_in,     // there are partial sums to read
    input  logic               sums_out,    // it leaves partial sums
    input  logic               looks_up,    // its results take two operations each
    input  logic [15:0]        here,        // outputs of the depth
    input  logic [31:0]        outputs,     // of all
    input  logic [15:0]        depths,
    input  logic [7:0]         passes,      // places of a tile
    input  logic [15:0]        tiles,       // to be transformed; 0: none
    input  logic [15:0]        tiles_each,  // in a cycle
    input  logic [15:0]        cycles_each, // or for one
    input  logic [ADDRESS-1:0] base,
    input  logic [ADDRESS-1:0] sums_base,
    output logic               busy,
    output logic               last,
    output logic               ends_depth,
    output logic               deepest,
    output logic               takes,       // a place is read
    output logic [7:0]         part,        // of the tile
    output logic [15:0]        place,
    output logic               read,        // a word of partial sums
    output logic [15:0]        word,        // of the depth
    output logic               write,
    output logic               bank,
    output logic               opens,       // the first depth of the wave
    output logic [15:0]        from,        // first output of the word
    output logic [15:0]        offset,
    output logic [15:0]        count,       // outputs that it ends
    output logic [ADDRESS-1:0] address
);
    // Operations of the vector unit in cycles that a full word takes.
    localparam int ONCE = (RESULTS + LANES - 1) / LANES * LANES;
    localparam int TWICE = (2 * RESULTS + LANES - 1) / LANES * LANES;
    logic [15:0]        depth, slot, words;
    logic [31:0]        passed, needed, left_tiles;
    logic               wrote, wrote_all, fresh;
    logic [ADDRESS-1:0] to, sums_at;

    assign deepest = depth + 16'd1 == depths;
    assign opens = depth == 16'd0;
    assign takes = busy && !wrote_all && slot < 16'(passes);
    assign part = slot < 16'(PARTS) ? slot[7:0] : 8'd0;

    assign word = words;
    assign read = busy && !wrote_all && sums_in && 32'(words) * WORD < 32'(here) * SUM;
    wire [15:0] rest = here - from;
    wire [31:0] upto = 32'(offset) + WORD;
    wire ends_sums = 32'(rest) * SUM <= upto;
    wire ends_results = rest <= 16'(RESULTS);
    assign count = sums_out ? (ends_sums ? rest : 16'(upto / SUM)) : ends_results ? rest : 16'(RESULTS);
    wire [31:0] with_word = needed + 32'(count);
    wire ready = sums_out || passed + (looks_up ? 32'(TWICE) : 32'(ONCE)) >= with_word << looks_up;
    assign write = busy && !wrote_all && !wrote && !read && ready;
    wire ends_words = wrote || (write && (sums_out ? ends_sums : ends_results));
    assign ends_depth = busy && !wrote_all && ends_words && slot + 16'd1 >= 16'(passes);
    wire ends = wrote_all || (ends_depth && deepest);
    assign address = read ? (fresh ? sums_base : sums_at) : fresh ? base : to;
    wire [31:0] all_tiles = fresh ? 32'(tiles) * 32'(cycles_each) : left_tiles;
    wire vectors = sums_out || passed + 32'(LANES) >= outputs << looks_up;
    assign last = busy && ends && vectors && all_tiles <= 32'(tiles_each);

    always_ff @(posedge clk) begin
        if (rst) busy <= 1'b0;
        else if (start) begin
            busy <= 1'b1;
            bank <= bank_in;
            {depth, from, offset, slot, words, place} <= 96'd0;
            {passed, needed} <= 64'd0;
            {wrote, wrote_all} <= 2'b0;
            fresh <= 1'b1;
        end else if (busy) begin
            busy <= !last;
            fresh <= 1'b0;
            passed <= passed + 32'(LANES);
            wrote_all <= ends;
            left_tiles <= all_tiles <= 32'(tiles_each) ? 32'd0 : all_tiles - 32'(tiles_each);
            slot <= ends_depth ? 16'd0 : slot + 16'd1;
            if (takes || ends_depth) place <= slot + 16'd1 < 16'(passes) || ends_depth ? place + 16'd1 : place;
            wrote <= ends_words && !ends_depth;
            words <= ends_depth ? 16'd0 : read ? words + 16'd1 : words;
            sums_at <= (fresh ? sums_base : sums_at) + ADDRESS'(read);
            to <= (fresh ? base : to) + ADDRESS'(write);
            if (write) begin
                needed <= with_word;
                from <= ends_words ? 16'd0 : from + count;
                offset <= ends_words || !sums_out ? 16'd0 : 16'(upto % SUM);
            end
            if (ends_depth && !deepest) depth <= depth + 16'd1;
        end
    end
endmodule
