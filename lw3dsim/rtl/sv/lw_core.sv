// The core: buffers, loader and staging, the array with its accumulators, the drain, and the controller of them all.
//
// `wave` is the descriptor of a wave, taken in order; DMA fills and empties the buffers and says which tiles have come.
module lw_core #(
    parameter int ROWS = 2,
    parameter int COLS = 2,
    parameter int MULTS = 4,
    parameter int PLACE_BITS = 4,        // of a place in an accumulator file
    parameter int ACTIVATION = 8,
    parameter int WEIGHT = 8,
    parameter int SUM = 32,
    parameter int BIAS = 32,
    parameter int STAGES = 5,            // of the multipliers
    parameter int LATENCY = 1,           // of the buffers
    parameter int SLOTS = 2,
    parameter int IFMAP_WORD = 64,
    parameter int IFMAP_WORDS = 1024,
    parameter int IFMAP_STAGED = 16,     // words of a set of staging registers
    parameter int WEIGHT_WORD = 64,
    parameter int WEIGHT_WORDS = 1024,
    parameter int WEIGHT_STAGED = 16,
    parameter int OFMAP_WORD = 64,
    parameter int OFMAP_WORDS = 1024,
    parameter int BIAS_WORDS = 16,
    parameter int VECTOR_LANES = 8
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   wave_valid,
    output logic                   wave_ready,
    input  logic [767:0]           wave,
    input  logic                   ifmap_write,
    input  logic [31:0]            ifmap_address,
    input  logic [IFMAP_WORD-1:0]  ifmap_data,
    input  logic                   weight_write,
    input  logic [31:0]            weight_address,
    input  logic [WEIGHT_WORD-1:0] weight_data,
    input  logic                   bias_write,
    /* verilator lint_off UNUSEDSIGNAL */  // it counts beyond the last word
    input  logic [15:0]            bias_address,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [ROWS*BIAS-1:0]   bias_data,
    input  logic                   ofmap_read,
    input  logic [31:0]            ofmap_address,
    output logic [OFMAP_WORD-1:0]  ofmap_data,
    input  logic [SLOTS-1:0]       ifmap_arrives,
    input  logic [SLOTS-1:0]       weight_arrives,
    input  logic [31:0]            room,
    output logic                   step_starts,
    output logic                   step_ends,
    output logic                   step_drains,
    output logic                   idle
);
    localparam int FIELDS = 48;          // of 16 bits
    localparam int BIAS_INDEX = $clog2(BIAS_WORDS) > 0 ? $clog2(BIAS_WORDS) : 1;
    localparam int FILES = COLS * MULTS;
    localparam int RESULTS = OFMAP_WORD / ACTIVATION;
    localparam int FRONT = LATENCY;                 // from the feed to where operands are selected
    localparam int BACK = LATENCY + 1 + STAGES;     // to the accumulators

    wire load_next;

    // The waves that come next, are fed, and drain. Every unit looks at the fields that are its own.
    /* verilator lint_off UNUSEDSIGNAL */
    logic [16*FIELDS-1:0] next, now, leaving;
    wire [16*FIELDS-1:0]  loaded = load_next ? next : now;
    /* verilator lint_on UNUSEDSIGNAL */
    logic                 next_valid;
    wire                  next_taken;
    assign wave_ready = !next_valid || next_taken;
    always_ff @(posedge clk) begin
        if (rst) next_valid <= 1'b0;
        else if (wave_ready) next_valid <= wave_valid;
        if (wave_ready && wave_valid) next <= wave;
        if (next_taken) now <= next;
    end

    wire load_start, load_set;
    wire feed_start, feed_bank, feed_set, feed_opens, feed_busy, feed_last;
    wire drain_start, drain_bank, drain_busy, drain_last;
    lw_controller #(.SLOTS(SLOTS)) u_controller (
        .clk, .rst, .next_valid,
        .next_first(next[16*0+0]), .next_new_ifmap(next[16*0+2]), .next_new_weight(next[16*0+3]),
        .next_need_ifmap(next[16*2+:32]), .next_need_weight(next[16*4+:32]), .next_need_room(next[16*6+:32]),
        .next_ifmap_slot(next[16*1+:3]), .next_weight_slot(next[16*1+3+:3]),
        .next_ifmap_words(next[16*8+:16]), .next_weight_words(next[16*9+:16]), .next_rounds(next[16*10+:16]),
        .next_taken,
        .now_last(now[16*0+1]), .now_ifmap_words(now[16*8+:16]), .now_weight_words(now[16*9+:16]),
        .ifmap_arrives, .weight_arrives, .room,
        .load_start, .load_next, .load_set,
        .feed_start, .feed_bank, .feed_set, .feed_opens, .feed_busy, .feed_last,
        .drain_start, .drain_bank, .drain_busy, .drain_last,
        .step_starts, .step_ends, .idle
    );
    lw_last u_drained (.clk, .rst, .start(drain_start), .is_last(now[16*0+1]), .ends(drain_last), .out(step_drains));

    // The loader: words of a round, of patch and weights, side by side.
    logic [31:0] ifmap_from, weight_from;
    wire [31:0] ifmap_base = load_next ? next[16*12+:32] : ifmap_from;
    wire [31:0] weight_base = load_next ? next[16*14+:32] : weight_from;
    always_ff @(posedge clk)
        if (load_start) begin
            ifmap_from <= ifmap_base + 32'(loaded[16*11+:16]);
            weight_from <= weight_base + 32'(loaded[16*9+:16]);
        end

    wire ifmap_reads, weight_reads;
    wire [31:0] ifmap_at, weight_at;
    wire [15:0] ifmap_number, weight_number;
    lw_reader #(.ADDRESS(32)) u_ifmap_reader (
        .clk, .rst, .start(load_start), .base(ifmap_base),
        .run(loaded[16*16+:16]), .rows(loaded[16*17+:16]), .frames(loaded[16*18+:16]),
        .row_pitch(32'(loaded[16*19+:16])), .frame_pitch(32'(loaded[16*20+:16])),
        .read(ifmap_reads), .address(ifmap_at), .number(ifmap_number)
    );
    lw_reader #(.ADDRESS(32)) u_weight_reader (
        .clk, .rst, .start(load_start), .base(weight_base),
        .run(loaded[16*9+:16]), .rows(16'd1), .frames(16'd1), .row_pitch(32'd0), .frame_pitch(32'd0),
        .read(weight_reads), .address(weight_at), .number(weight_number)
    );
    logic set_loading;
    wire load_into = load_start ? load_set : set_loading;
    always_ff @(posedge clk) if (load_start) set_loading <= load_set;

    wire [IFMAP_WORD-1:0] ifmap_word;
    wire [WEIGHT_WORD-1:0] weight_word;
    lw_sram #(.WORDS(IFMAP_WORDS), .BITS(IFMAP_WORD), .ADDRESS(32), .LATENCY(LATENCY)) u_ifmap (
        .clk, .write(ifmap_write), .write_address(ifmap_address), .write_data(ifmap_data),
        .read(ifmap_reads), .read_address(ifmap_at), .read_data(ifmap_word)
    );
    lw_sram #(.WORDS(WEIGHT_WORDS), .BITS(WEIGHT_WORD), .ADDRESS(32), .LATENCY(LATENCY)) u_weight (
        .clk, .write(weight_write), .write_address(weight_address), .write_data(weight_data),
        .read(weight_reads), .read_address(weight_at), .read_data(weight_word)
    );

    wire ifmap_comes, weight_comes, ifmap_set, weight_set;
    wire [15:0] ifmap_which, weight_which;
    lw_delay #(.BITS(18), .STAGES(LATENCY)) u_ifmap_tag (
        .clk, .in({ifmap_reads && !rst, load_into, ifmap_number}), .out({ifmap_comes, ifmap_set, ifmap_which})
    );
    lw_delay #(.BITS(18), .STAGES(LATENCY)) u_weight_tag (
        .clk, .in({weight_reads && !rst, load_into, weight_number}), .out({weight_comes, weight_set, weight_which})
    );

    // The feed, and where its lanes and rows find their operands.
    wire bank, set, first, deepest;
    wire [15:0] tap_t, tap_h, tap_w, depth;
    lw_feed u_feed (
        .clk, .rst, .start(feed_start), .bank_in(feed_bank), .set_in(feed_set), .opens_in(feed_opens),
        .frames(now[16*21+:16]), .rows(now[16*22+:16]), .columns(now[16*23+:16]), .depths(now[16*24+:16]),
        .busy(feed_busy), .last(feed_last), .bank, .set, .first, .frame(tap_t), .row(tap_h),
        .column(tap_w), .depth, .deepest
    );
    wire tree = now[16*0+5];
    wire [15:0] tap = tap_t * now[16*25+:16] + tap_h * now[16*26+:16] + tap_w * now[16*27+:16];
    wire [15:0] kernel = (tap_t * now[16*22+:16] + tap_h) * now[16*23+:16] + tap_w;
    wire [15:0] lanes = tree ? 16'(COLS) : 16'(FILES);
    wire begins = {tap_t, tap_h, tap_w, depth} == 64'd0;
    wire [FILES*16-1:0] places;
    lw_walker #(.LANES(FILES), .PLACE(16)) u_walker (
        .clk, .step(feed_busy), .restart(deepest), .advance(1'b1), .lanes,
        .tiles_w(now[16*28+:16]), .tiles_h(now[16*29+:16]),
        .pitch_t(now[16*30+:16]), .pitch_h(now[16*31+:16]), .pitch_w(now[16*32+:16]),
        .tap, .begins, .places
    );
    // Of the last round there may be fewer channels than multipliers.
    logic [15:0] rounds_left;
    always_ff @(posedge clk)
        if (feed_start) rounds_left <= next_taken ? next[16*10+:16] - 16'd1 : rounds_left - 16'd1;
    wire [15:0] channels = rounds_left == 16'd0 ? now[16*34+:16] : now[16*33+:16];
    wire [15:0] working = deepest ? now[16*35+:16] : lanes;
    wire [15:0] rows = now[16*36+:16];

    wire go, go_bank, go_set, go_first, go_tree;
    wire [PLACE_BITS-1:0] go_depth;
    wire [15:0] go_kernel, go_channels, go_working, go_rows, go_together, go_taps;
    wire [FILES*16-1:0] go_places;
    lw_delay #(.BITS(5 + PLACE_BITS + 16*6 + FILES*16), .STAGES(FRONT)) u_front (
        .clk,
        .in({feed_busy && !rst, bank, set, first, tree, depth[PLACE_BITS-1:0], kernel, channels, working, rows, now[16*33+:16],
             now[16*37+:16], places}),
        .out({go, go_bank, go_set, go_first, go_tree, go_depth, go_kernel, go_channels, go_working, go_rows,
              go_together, go_taps, go_places})
    );

    wire [IFMAP_WORD*IFMAP_STAGED-1:0] patch;
    wire [WEIGHT_WORD*WEIGHT_STAGED-1:0] kernels;
    lw_staging #(.WORD(IFMAP_WORD), .WORDS(IFMAP_STAGED)) u_patch (
        .clk, .write(ifmap_comes), .set(ifmap_set), .number(ifmap_which), .data(ifmap_word),
        .read_set(go_set), .held(patch)
    );
    lw_staging #(.WORD(WEIGHT_WORD), .WORDS(WEIGHT_STAGED)) u_kernels (
        .clk, .write(weight_comes), .set(weight_set), .number(weight_which), .data(weight_word),
        .read_set(go_set), .held(kernels)
    );

    wire [FILES*ACTIVATION-1:0] data;
    wire [ROWS*MULTS*WEIGHT-1:0] weights;
    wire [ROWS*FILES-1:0] works;
    lw_operands #(
        .ROWS(ROWS), .COLS(COLS), .MULTS(MULTS), .ACTIVATION(ACTIVATION), .WEIGHT(WEIGHT),
        .PATCH(IFMAP_WORD*IFMAP_STAGED/ACTIVATION), .KERNELS(WEIGHT_WORD*WEIGHT_STAGED/WEIGHT)
    ) u_operands (
        .clk, .go, .tree(go_tree), .places(go_places), .kernel(go_kernel), .channels(go_channels),
        .working(go_working), .rows(go_rows), .together(go_together), .taps(go_taps),
        .patch(patch[IFMAP_WORD*IFMAP_STAGED/ACTIVATION*ACTIVATION-1:0]),
        .kernels(kernels[WEIGHT_WORD*WEIGHT_STAGED/WEIGHT*WEIGHT-1:0]), .data, .weights, .works
    );

    wire to_tree;
    lw_delay #(.BITS(1), .STAGES(1)) u_tree (.clk, .in(go_tree), .out(to_tree));
    wire add_bank, add_first, add_tree;
    wire [PLACE_BITS-1:0] add_depth;
    wire [ROWS*FILES-1:0] add_works;
    /* verilator lint_off UNUSEDSIGNAL */  // watched by test benches
    wire [ROWS*FILES-1:0] updates;
    /* verilator lint_on UNUSEDSIGNAL */
    lw_delay #(.BITS(2 + PLACE_BITS), .STAGES(STAGES + 1)) u_add (
        .clk, .in({go_bank, go_first, go_depth}), .out({add_bank, add_first, add_depth})
    );
    lw_delay #(.BITS(ROWS*FILES + 1), .STAGES(STAGES)) u_add_works (
        .clk, .in({works, to_tree}), .out({add_works, add_tree})
    );

    // The drain.
    /* verilator lint_off UNUSEDSIGNAL */  // a wave is as deep as accumulators are
    wire [15:0] drain_depth;
    /* verilator lint_on UNUSEDSIGNAL */
    wire [15:0] from, count;
    wire [31:0] drain_to;
    wire drain_writes, drain_from_bank;
    lw_drain #(.ADDRESS(32), .RESULTS(RESULTS), .LANES(VECTOR_LANES)) u_drain (
        .clk, .rst, .start(drain_start), .bank_in(drain_bank), .full(now[16*38+:16]), .least(now[16*39+:16]),
        .depths(now[16*24+:16]), .operations(16'd1), .base(now[16*40+:32]), .busy(drain_busy), .last(drain_last),
        .write(drain_writes), .bank(drain_from_bank), .depth(drain_depth), .from, .count, .address(drain_to)
    );
    always_ff @(posedge clk) if (drain_start) leaving <= now;
    wire out_write;
    wire out_bank, out_begins, out_relu, out_tree;
    /* verilator lint_off UNUSEDSIGNAL */  // watched by test benches
    wire [15:0] out_count;
    /* verilator lint_on UNUSEDSIGNAL */
    wire [PLACE_BITS-1:0] out_depth;
    wire [BIAS_INDEX-1:0] out_bias;
    wire [15:0] out_rows;
    wire [7:0] out_shift;
    wire [31:0] out_to;
    lw_delay #(.BITS(5 + PLACE_BITS + BIAS_INDEX + 16*2 + 8 + 32), .STAGES(BACK)) u_out (
        .clk,
        .in({drain_writes && !rst, drain_from_bank, from == 16'd0, leaving[16*0+8], leaving[16*0+5], drain_depth[PLACE_BITS-1:0], count,
             leaving[16*36+:16], leaving[16*43+:BIAS_INDEX], leaving[16*42+:8], drain_to}),
        .out({out_write, out_bank, out_begins, out_relu, out_tree, out_depth, out_count, out_rows, out_bias, out_shift,
              out_to})
    );

    wire [ROWS*FILES*SUM-1:0] sums;
    genvar r, c;
    generate
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            for (c = 0; c < COLS; c = c + 1) begin : g_pe
                wire [MULTS*SUM-1:0] products;
                wire [MULTS-1:0] multiplies = add_works[r*FILES+c*MULTS+:MULTS];
                wire [MULTS-1:0] adds = add_tree ? MULTS'(multiplies[0]) : multiplies;
                assign updates[r*FILES+c*MULTS+:MULTS] = adds;
                lw_pe #(.MULTS(MULTS), .DATA(ACTIVATION), .WEIGHT(WEIGHT), .SUM(SUM), .STAGES(STAGES)) u_pe (
                    .clk, .tree(to_tree), .works(works[r*FILES+c*MULTS+:MULTS]),
                    .data(data[c*MULTS*ACTIVATION+:MULTS*ACTIVATION]),
                    .weights(weights[r*MULTS*WEIGHT+:MULTS*WEIGHT]), .products
                );
                lw_accumulators #(.MULTS(MULTS), .SUM(SUM), .PLACE(PLACE_BITS)) u_sums (
                    .clk, .adds, .first(add_first),
                    .bank(add_bank), .place(add_depth), .products,
                    .drain_bank(out_bank), .drain_place(out_depth),
                    .sums(sums[SUM*(r*FILES+c*MULTS)+:SUM*MULTS])
                );
            end
        end
    endgenerate

    wire [RESULTS*SUM-1:0] picked;
    wire [RESULTS*16-1:0] from_rows;
    lw_collector #(.ROWS(ROWS), .LANES(FILES), .SUM(SUM), .RESULTS(RESULTS)) u_collector (
        .clk, .read(out_write), .begins(out_begins), .channels(out_rows), .stride(out_tree ? 16'(MULTS) : 16'd1),
        .sums, .picked, .rows(from_rows)
    );
    logic [ROWS*BIAS-1:0] biases[BIAS_WORDS]  /*verilator public_flat_rw*/;
    always_ff @(posedge clk) if (bias_write) biases[bias_address[BIAS_INDEX-1:0]] <= bias_data;
    /* verilator lint_off UNUSEDSIGNAL */  // watched by test benches
    wire [RESULTS*(SUM+2)-1:0] finished;
    /* verilator lint_on UNUSEDSIGNAL */
    wire [RESULTS*ACTIVATION-1:0] results;
    lw_vector #(.ROWS(ROWS), .SUM(SUM), .BIAS(BIAS), .BITS(ACTIVATION), .RESULTS(RESULTS)) u_vector (
        .sums(picked), .rows(from_rows), .biases(biases[out_bias]), .relu(out_relu), .shift(out_shift),
        .finished, .results
    );
    lw_sram #(.WORDS(OFMAP_WORDS), .BITS(OFMAP_WORD), .ADDRESS(32), .LATENCY(1)) u_ofmap (
        .clk, .write(out_write), .write_address(out_to), .write_data(OFMAP_WORD'(results)),
        .read(ofmap_read), .read_address(ofmap_address), .read_data(ofmap_data)
    );
endmodule
