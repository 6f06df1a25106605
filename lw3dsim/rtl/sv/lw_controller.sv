// The controller: paces loads, feeds and drains, and swaps the accumulator banks.
//
// It runs waves in the order in which their descriptors come. A round is loaded while the round before is fed, and both
// end before the next pair begins; a bank swaps when its wave has been fed and the wave before has drained. All times
// here are those of the feed; what a feed does in the array, and a drain behind it, follows in a pipeline of fixed depth.
// Nothing in a descriptor is a time: words, taps and tiles are counted where they are read, fed and drained.
module lw_controller #(
    parameter int SLOTS = 2
) (
    input  logic        clk,
    input  logic        rst,
    // The next wave's descriptor, of which these parts are looked at here.
    input  logic        next_valid,
    input  logic        next_first,        // first wave of a step
    input  logic        next_new_ifmap,    // its input tile is used for the first time
    input  logic        next_new_weight,
    input  logic [31:0] next_need_ifmap,   // tiles that must have arrived
    input  logic [31:0] next_need_weight,
    input  logic [31:0] next_need_room,    // stores that must have left
    input  logic        next_waits,        // it reads what the step before makes, once that has drained
    input  logic [2:0]  next_ifmap_slot,
    input  logic [2:0]  next_weight_slot,
    input  logic [15:0] next_ifmap_words,  // of a round
    input  logic [15:0] next_weight_words,
    input  logic [15:0] next_rounds,
    output logic        next_taken,        // it becomes the current wave at the end of this cycle
    // The wave that is fed.
    input  logic        now_last,          // last wave of a step
    input  logic [15:0] now_ifmap_words,
    input  logic [15:0] now_weight_words,
    input  logic [31:0] now_turns,         // words that it reads and writes at the port of outputs
    input  logic [15:0] pipeline,          // cycles from the drain to what it has written
    // What DMA has done.
    input  logic [SLOTS-1:0] ifmap_arrives,   // the tile of a slot can be read from this cycle on
    input  logic [SLOTS-1:0] weight_arrives,
    input  logic [31:0]      room,            // stores that have left
    // The loader.
    output logic        load_start,        // the first words are read in this cycle
    output logic        load_next,         // of the next wave, else of the one that is fed
    output logic        load_set,          // into these staging registers
    // The feed.
    output logic        feed_start,        // it is fed from the next cycle on
    output logic        feed_bank,
    output logic        feed_set,
    output logic        feed_opens,        // its first round
    input  logic        feed_busy,
    input  logic        feed_last,
    // The drain.
    output logic        drain_start,       // from the next cycle on, what has been fed
    output logic        drain_bank,
    input  logic        drain_busy,
    input  logic        drain_last,
    // What happens at the end of this cycle.
    output logic        step_starts,
    output logic        step_ends,
    output logic        idle
);
    logic        running;      // a wave is fed, or has been fed and waits for its successor
    logic        ended;        // it was the last of its step, and has ended
    logic [15:0] rounds_left;  // behind the one that is fed
    logic        load_wanted;  // the next round may be loaded, and is not yet
    logic [15:0] paired;       // cycles for which the last feed and the load behind it have run
    logic        bank, set, lset;

    // For how many cycles, this one among them, each slot has held its tile, and how many tiles have come.
    wire [16*SLOTS-1:0] ifmap_age, weight_age;
    wire [31:0]         ifmap_tiles, weight_tiles;
    lw_arrivals #(.SLOTS(SLOTS)) u_ifmap (.clk, .rst, .arrives(ifmap_arrives), .tiles(ifmap_tiles), .age(ifmap_age));
    lw_arrivals #(.SLOTS(SLOTS)) u_weight (.clk, .rst, .arrives(weight_arrives), .tiles(weight_tiles), .age(weight_age));

    wire has_more = running && rounds_left != 0;
    wire [15:0] words_i = has_more ? now_ifmap_words : next_ifmap_words;
    wire [15:0] words_w = has_more ? now_weight_words : next_weight_words;
    wire [15:0] longer = words_i > words_w ? words_i : words_w;

    logic [31:0] age;      // cycles since the first product of the wave
    logic [15:0] settled;  // since the last drain
    wire fed = !feed_busy || feed_last;
    wire drained = !drain_busy || drain_last;
    wire whole = running && rounds_left == 0 && fed && age >= now_turns;
    // While a swap waits for a drain, loads wait too.
    wire held = running && rounds_left == 0 && !feed_busy && drain_busy && !ended && age > now_turns;
    wire [15:0] paired_now = (held || &paired) ? paired : paired + 16'd1;
    wire loaded = paired_now >= longer;

    // What the step before makes can be read when it has left the pipeline.
    wire waits = next_waits && next_first;
    wire made = !waits || ((!running || ended) && !drain_busy && settled >= pipeline);
    // A tile that comes late is read from its arrival on, its weights before its patch.
    wire [15:0] both = next_ifmap_words + next_weight_words - 16'd1;
    wire [15:0] age_i = ifmap_age[16*next_ifmap_slot+:16], age_w = weight_age[16*next_weight_slot+:16];
    wire here_i = ifmap_tiles >= next_need_ifmap, here_w = weight_tiles >= next_need_weight;
    wire here = here_i && here_w && made;
    // Of slots that have been filled again since, the tile came long before.
    wire old_i = ifmap_tiles - next_need_ifmap >= SLOTS, old_w = weight_tiles - next_need_weight >= SLOTS;
    wire entered = here && (!next_new_ifmap || old_i || age_i >= both) && (!next_new_weight || old_w || age_w >= both) &&
                   (!waits || settled + 16'd1 >= pipeline + both);

    wire swaps = next_valid && (!running || (whole && (ended || drained))) && loaded &&
                 (!next_first || (entered && room >= next_need_room));
    wire goes_on = has_more && fed && loaded;

    assign feed_start = goes_on || swaps;
    assign feed_opens = !goes_on;
    assign feed_bank = goes_on ? bank : ~bank;
    assign feed_set = ~set;
    assign next_taken = swaps;

    assign load_next = !has_more;
    assign load_start = load_wanted && (has_more || (next_valid && (!next_first || here)));
    assign load_set = ~lset;

    assign step_starts = swaps && next_first;
    assign step_ends = whole && !ended && drained && now_last;
    assign drain_start = step_ends || (swaps && running && !ended && !now_last);
    assign drain_bank = bank;
    assign idle = !next_valid && (!running || (whole && (ended || step_ends))) && drained && !drain_start;

    always_ff @(posedge clk) begin
        if (rst) begin
            running <= 1'b0;
            ended <= 1'b0;
            rounds_left <= 16'd0;
            load_wanted <= 1'b1;
            paired <= 16'hffff;
            age <= 32'd1;
            settled <= 16'd1;
            bank <= 1'b0;
            set <= 1'b0;
            lset <= 1'b0;
        end else begin
            if (load_start) begin
                load_wanted <= 1'b0;
                lset <= ~lset;
            end
            paired <= paired_now;
            age <= swaps ? 32'd1 : age + 32'(!(&age));
            settled <= drain_busy ? 16'd1 : settled + 16'(settled < 16'h7fff);
            if (feed_start) begin
                set <= ~set;
                load_wanted <= 1'b1;
                paired <= 16'd0;
            end
            if (swaps) begin
                running <= 1'b1;
                bank <= ~bank;
                rounds_left <= next_rounds - 16'd1;
                ended <= 1'b0;
            end else if (goes_on) rounds_left <= rounds_left - 16'd1;
            else if (step_ends) ended <= 1'b1;
        end
    end
endmodule
