// The core: buffers, loader and staging, the array with its accumulators, the drain, and the controller of them all.
//
// `wave` is the descriptor of a wave, taken in order; DMA fills and empties the buffers and says which tiles have come.
module lw_core #(
    parameter int ROWS = 2,
    parameter int COLS = 2,
    parameter int MULTS = 4,
    parameter int PLACE_BITS = 4,        // of a place in an accumulator file
    parameter int OWN_INPUTS = 0,        // whether rows may read inputs of their own
    parameter int ACTIVATION = 8,
    parameter int DATA = 8,              // operands of the multipliers
    parameter int WEIGHT = 8,
    parameter int PLAIN = 8,             // weights that are not transformed
    parameter int SUM = 32,              // of accumulators
    parameter int TRANSFORM = 32,        // of adders of the output transform
    parameter int RESULT = 32,           // of sums behind it
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
    parameter int VECTOR_LANES = 8,
    parameter int WINDOW_T = 1,          // coordinates of a Winograd tile
    parameter int WINDOW_H = 1,
    parameter int WINDOW_W = 1,
    parameter int TILE_T = 1,            // its outputs
    parameter int TILE_H = 1,
    parameter int TILE_W = 1,
    parameter int IN_TILES = 1,          // transformed a cycle
    parameter int IN_CYCLES = 1,         // or for one
    parameter int OUT_TILES = 1,
    parameter int OUT_CYCLES = 1,
    parameter int IN_STAGES = 0,         // of the transforms
    parameter int OUT_STAGES = 0
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   wave_valid,
    output logic                   wave_ready,
    input  logic [1279:0]          wave,
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
    // FIELDS
    localparam int BIAS_INDEX = $clog2(BIAS_WORDS) > 0 ? $clog2(BIAS_WORDS) : 1;
    localparam int FILES = COLS * MULTS;
    localparam int EACH = WINDOW_T * WINDOW_H * WINDOW_W;
    localparam int RESULTS = OFMAP_WORD / ACTIVATION;
    localparam int INPUTS = OWN_INPUTS != 0 ? ROWS : 1;
    localparam int PATCH = IFMAP_WORD * IFMAP_STAGED / ACTIVATION;

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
    // All waves of a layer are direct, or Winograd's: which says whether transforms are stages of the pipeline.
    wire winograd = now[16*F_FLAGS+B_WINOGRAD], tree = now[16*F_FLAGS+B_TREE];

    wire load_start, load_set;
    wire feed_start, feed_bank, feed_set, feed_opens, feed_busy, feed_last;
    wire drain_start, drain_bank, drain_busy, drain_last;
    lw_controller #(.SLOTS(SLOTS)) u_controller (
        .clk, .rst, .next_valid,
        .next_first(next[16*F_FLAGS+B_FIRST]), .next_new_ifmap(next[16*F_FLAGS+B_NEW_IFMAP]),
        .next_new_weight(next[16*F_FLAGS+B_NEW_WEIGHT]),
        .next_need_ifmap(next[16*F_NEED_IFMAP+:32]), .next_need_weight(next[16*F_NEED_WEIGHT+:32]),
        .next_need_room(next[16*F_NEED_ROOM+:32]),
        .next_ifmap_slot(next[16*F_SLOTS+:3]), .next_weight_slot(next[16*F_SLOTS+3+:3]),
        .next_ifmap_words(next[16*F_IFMAP_WORDS+:16]), .next_weight_words(next[16*F_WEIGHT_WORDS+:16]),
        .next_rounds(next[16*F_ROUNDS+:16]), .next_taken,
        .now_last(now[16*F_FLAGS+B_LAST]), .now_ifmap_words(now[16*F_IFMAP_WORDS+:16]),
        .now_weight_words(now[16*F_WEIGHT_WORDS+:16]),
        .ifmap_arrives, .weight_arrives, .room,
        .load_start, .load_next, .load_set,
        .feed_start, .feed_bank, .feed_set, .feed_opens, .feed_busy, .feed_last,
        .drain_start, .drain_bank, .drain_busy, .drain_last,
        .step_starts, .step_ends, .idle
    );
    lw_last u_drained (
        .clk, .rst, .start(drain_start), .is_last(now[16*F_FLAGS+B_LAST]), .ends(drain_last), .out(step_drains)
    );

    // The loader: words of a round, of patch and weights, side by side.
    wire [31:0] ifmap_round;
    logic [31:0] weight_from;
    wire [31:0] weight_round = load_next ? next[16*F_WEIGHT_BASE+:32] : weight_from;
    always_ff @(posedge clk)
        if (load_start) weight_from <= weight_round + 32'(loaded[16*F_WEIGHT_WORDS+:16]);
    lw_rounds u_rounds (
        .clk, .start(load_start), .begins(load_next), .base(next[16*F_IFMAP_BASE+:32]),
        .block(loaded[16*F_BLOCK_PITCH+:32]), .step_t(loaded[16*F_GROUP_T+:32]), .step_h(loaded[16*F_GROUP_H+:32]),
        .step_w(loaded[16*F_GROUP_W+:32]), .groups(loaded[16*F_GROUPS+:16]), .groups_h(loaded[16*F_GROUPS_H+:16]),
        .groups_w(loaded[16*F_GROUPS_W+:16]), .address(ifmap_round)
    );

    wire ifmap_reads, weight_reads;
    wire [31:0] ifmap_at, weight_at;
    wire [15:0] ifmap_number, weight_number;
    lw_reader #(.ADDRESS(32), .STEP(IFMAP_WORD / ACTIVATION)) u_ifmap_reader (
        .clk, .rst, .start(load_start), .base(ifmap_round),
        .run(loaded[16*F_RUN+:16]), .rows(loaded[16*F_RUN_ROWS+:16]), .frames(loaded[16*F_RUN_FRAMES+:16]),
        .row_pitch(loaded[16*F_ROW_PITCH+:32]), .frame_pitch(loaded[16*F_FRAME_PITCH+:32]),
        .read(ifmap_reads), .address(ifmap_at), .number(ifmap_number)
    );
    lw_reader #(.ADDRESS(32), .STEP(1)) u_weight_reader (
        .clk, .rst, .start(load_start), .base(weight_round),
        .run(loaded[16*F_WEIGHT_WORDS+:16]), .rows(16'd1), .frames(16'd1), .row_pitch(32'd0), .frame_pitch(32'd0),
        .read(weight_reads), .address(weight_at), .number(weight_number)
    );
    logic set_loading;
    wire load_into = load_start ? load_set : set_loading;
    always_ff @(posedge clk) if (load_start) set_loading <= load_set;

    wire [IFMAP_WORD-1:0] ifmap_word;
    wire [WEIGHT_WORD-1:0] weight_word;
    lw_turned #(
        .WORDS(IFMAP_WORDS), .ELEMENT(ACTIVATION), .ELEMENTS(IFMAP_WORD / ACTIVATION), .LATENCY(LATENCY)
    ) u_ifmap (
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
    wire works_now, bank, set, first, deepest;
    wire [15:0] tap_t, tap_h, tap_w, depth;
    lw_feed #(.TILES(IN_TILES), .CYCLES(IN_CYCLES)) u_feed (
        .clk, .rst, .start(feed_start), .bank_in(feed_bank), .set_in(feed_set), .opens_in(feed_opens),
        .frames(now[16*F_TAPS_T+:16]), .rows(now[16*F_TAPS_H+:16]), .columns(now[16*F_TAPS_W+:16]),
        .depths(now[16*F_DEPTHS+:16]), .transforms(now[16*F_TRANSFORMS_IN+:16]), .busy(feed_busy), .works(works_now),
        .last(feed_last), .bank, .set, .first, .frame(tap_t), .row(tap_h), .column(tap_w), .depth, .deepest
    );
    wire [15:0] tap = tap_t * now[16*F_TAP_T+:16] + tap_h * now[16*F_TAP_H+:16] + tap_w * now[16*F_TAP_W+:16];
    wire [15:0] kernel = (tap_t * now[16*F_TAPS_H+:16] + tap_h) * now[16*F_TAPS_W+:16] + tap_w;
    localparam int TILES = COLS * (MULTS >= EACH ? MULTS / EACH : 1);
    wire [15:0] lanes = tree ? 16'(COLS) : winograd ? 16'(TILES) : 16'(FILES);
    wire [FILES*16-1:0] places;
    lw_walker #(.LANES(FILES), .PLACE(16)) u_walker (
        .clk, .step(works_now), .restart(deepest), .lanes,
        .tiles_w(now[16*F_TILES_W+:16]), .tiles_h(now[16*F_TILES_H+:16]),
        .pitch_t(now[16*F_PITCH_T+:16]), .pitch_h(now[16*F_PITCH_H+:16]), .pitch_w(now[16*F_PITCH_W+:16]),
        .tap, .begins(depth == 16'd0), .places
    );
    // Of the last channels there may be fewer than multipliers.
    logic [15:0] rounds_left;
    always_ff @(posedge clk)
        if (feed_start) rounds_left <= next_taken ? next[16*F_ROUNDS+:16] - 16'd1 : rounds_left - 16'd1;
    wire [15:0] channels = rounds_left < now[16*F_GROUPS+:16] ? now[16*F_LAST_CHANNELS+:16] :
                           now[16*F_FULL_CHANNELS+:16];
    wire [15:0] working = deepest ? now[16*F_LAST_LANES+:16] : lanes;

    wire go, go_bank, go_set, go_first, go_tree;
    wire [PLACE_BITS-1:0] go_depth;
    wire [15:0] go_kernel, go_channels, go_working, go_rows, go_span, go_taps, go_row_place;
    wire [47:0] go_window;
    wire [FILES*16-1:0] go_places;
    lw_delay #(.BITS(5 + PLACE_BITS + 16*7 + 48 + FILES*16), .STAGES(LATENCY)) u_front (
        .clk,
        .in({works_now && !rst, bank, set, first, tree, depth[PLACE_BITS-1:0], kernel, channels, working,
             now[16*F_ROWS+:16], now[16*F_SPAN+:16], now[16*F_TAPS+:16], now[16*F_ROW_PLACE+:16],
             now[16*F_WINDOW_T+:16], now[16*F_WINDOW_H+:16], now[16*F_WINDOW_W+:16], places}),
        .out({go, go_bank, go_set, go_first, go_tree, go_depth, go_kernel, go_channels, go_working, go_rows, go_span,
              go_taps, go_row_place, go_window, go_places})
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

    wire [INPUTS*FILES*ACTIVATION-1:0] elements;
    wire [ROWS*MULTS*WEIGHT-1:0] taken_weights, weights;
    wire [ROWS*FILES-1:0] taken_works, works;
    lw_operands #(
        .ROWS(ROWS), .COLS(COLS), .MULTS(MULTS), .ACTIVATION(ACTIVATION), .WEIGHT(WEIGHT), .PATCH(PATCH),
        .PLAIN(PLAIN), .KERNELS(WEIGHT_WORD * WEIGHT_STAGED), .OWN_INPUTS(OWN_INPUTS), .WINDOW_T(WINDOW_T), .WINDOW_H(WINDOW_H), .WINDOW_W(WINDOW_W)
    ) u_operands (
        .clk, .go, .tree(go_tree), .winograd, .places(go_places), .window(go_window), .row_place(go_row_place),
        .kernel(go_kernel), .channels(go_channels), .working(go_working), .rows(go_rows), .span(go_span),
        .taps(go_taps), .patch(patch[PATCH*ACTIVATION-1:0]), .kernels,
        .data(elements), .weights(taken_weights), .works(taken_works)
    );

    // The input transform stands behind the files; weights and controls go beside it.
    wire [INPUTS*FILES*DATA-1:0] coordinates, data;
    wire to_tree, from_tree;
    lw_delay #(.BITS(1), .STAGES(1)) u_tree (.clk, .in(go_tree), .out(from_tree));
    lw_skip #(.BITS(INPUTS*FILES*DATA + ROWS*MULTS*WEIGHT + ROWS*FILES + 1), .STAGES(IN_STAGES)) u_transformed (
        .clk, .skips(!winograd), .in({coordinates, taken_weights, taken_works, from_tree}),
        .out({data, weights, works, to_tree})
    );

    wire add_bank, add_first, add_tree, made_bank, made_first;
    wire [PLACE_BITS-1:0] add_depth, made_depth;
    wire [ROWS*FILES-1:0] add_works;
    /* verilator lint_off UNUSEDSIGNAL */  // watched by test benches
    wire [ROWS*FILES-1:0] updates;
    /* verilator lint_on UNUSEDSIGNAL */
    lw_delay #(.BITS(2 + PLACE_BITS), .STAGES(STAGES + 1)) u_made (
        .clk, .in({go_bank, go_first, go_depth}), .out({made_bank, made_first, made_depth})
    );
    lw_skip #(.BITS(2 + PLACE_BITS), .STAGES(IN_STAGES)) u_add (
        .clk, .skips(!winograd), .in({made_bank, made_first, made_depth}), .out({add_bank, add_first, add_depth})
    );
    lw_delay #(.BITS(ROWS*FILES + 1), .STAGES(STAGES)) u_add_works (
        .clk, .in({works, to_tree}), .out({add_works, add_tree})
    );

    // The drain, whose sequence reaches the accumulators as late as products do.
    /* verilator lint_off UNUSEDSIGNAL */  // a wave is as deep as accumulators are
    wire [15:0] drain_depth;
    /* verilator lint_on UNUSEDSIGNAL */
    wire [15:0] from, count;
    wire [31:0] drain_to;
    wire drain_writes, drain_from_bank;
    lw_drain #(
        .ADDRESS(32), .RESULTS(RESULTS), .LANES(VECTOR_LANES), .TILES(OUT_TILES), .CYCLES(OUT_CYCLES)
    ) u_drain (
        .clk, .rst, .start(drain_start), .bank_in(drain_bank), .full(now[16*F_RESULTS+:16]),
        .least(now[16*F_LAST_RESULTS+:16]), .depths(now[16*F_DEPTHS+:16]), .operations(16'd1),
        .transforms(now[16*F_TRANSFORMS_OUT+:16]), .base(now[16*F_OFMAP_BASE+:32]), .busy(drain_busy),
        .last(drain_last), .write(drain_writes), .bank(drain_from_bank), .depth(drain_depth), .from, .count,
        .address(drain_to)
    );
    always_ff @(posedge clk) if (drain_start) leaving <= now;
    localparam int OUT_BITS = 6 + PLACE_BITS + BIAS_INDEX + 16*2 + 8 + 32 + 16*3 + 24;
    wire [OUT_BITS-1:0] reads_soon, reads, writes;
    lw_delay #(.BITS(OUT_BITS), .STAGES(LATENCY + 1 + STAGES)) u_reads_soon (
        .clk,
        .in({drain_writes && !rst, drain_from_bank, from == 16'd0 && drain_depth == 16'd0, from == 16'd0,
             leaving[16*F_FLAGS+B_RELU], leaving[16*F_FLAGS+B_TREE], drain_depth[PLACE_BITS-1:0], count,
             leaving[16*F_ROWS+:16], leaving[16*F_BIAS+:BIAS_INDEX], leaving[16*F_SHIFT+:8], drain_to,
             leaving[16*F_TILES_T+:16], leaving[16*F_TILES_H+:16], leaving[16*F_TILES_W+:16],
             leaving[16*F_LEFT_T+:8], leaving[16*F_LEFT_H+:8], leaving[16*F_LEFT_W+:8]}),
        .out(reads_soon)
    );
    lw_skip #(.BITS(OUT_BITS), .STAGES(IN_STAGES)) u_reads (.clk, .skips(!winograd), .in(reads_soon), .out(reads));
    lw_skip #(.BITS(OUT_BITS), .STAGES(OUT_STAGES)) u_writes (.clk, .skips(!winograd), .in(reads), .out(writes));
    wire read_bank = reads[OUT_BITS-2];
    wire [PLACE_BITS-1:0] read_place = reads[OUT_BITS-7-:PLACE_BITS];

    wire out_write, out_bank, out_opens, out_begins, out_relu, out_tree;
    wire [PLACE_BITS-1:0] out_depth;
    wire [BIAS_INDEX-1:0] out_bias;
    /* verilator lint_off UNUSEDSIGNAL */  // watched by test benches
    wire [15:0] out_count;
    /* verilator lint_on UNUSEDSIGNAL */
    wire [15:0] out_rows, out_tiles_t, out_tiles_h, out_tiles_w;
    wire [23:0] out_left;
    wire [7:0] out_shift;
    wire [31:0] out_to;
    assign {out_write, out_bank, out_opens, out_begins, out_relu, out_tree, out_depth, out_count, out_rows, out_bias,
            out_shift, out_to, out_tiles_t, out_tiles_h, out_tiles_w, out_left} = writes;
    wire unused = &{1'b0, out_bank, out_depth};

    wire [ROWS*FILES*SUM-1:0] sums;
    wire [ROWS*FILES*RESULT-1:0] outputs, results_of_depth;
    genvar r, c;
    generate
        for (r = 0; r < INPUTS; r = r + 1) begin : g_input
            for (c = 0; c < COLS; c = c + 1) begin : g_transform
                lw_input_transform #(.MULTS(MULTS), .IN(ACTIVATION), .WIDE(DATA), .OUT(DATA)) u_input (
                    .winograd, .in(elements[(r*FILES+c*MULTS)*ACTIVATION+:MULTS*ACTIVATION]),
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
                    .clk, .tree(to_tree), .works(works[r*FILES+c*MULTS+:MULTS]),
                    .data(data[((OWN_INPUTS != 0 ? r : 0)*FILES+c*MULTS)*DATA+:MULTS*DATA]),
                    .weights(weights[r*MULTS*WEIGHT+:MULTS*WEIGHT]), .products
                );
                lw_accumulators #(.MULTS(MULTS), .SUM(SUM), .PLACE(PLACE_BITS)) u_sums (
                    .clk, .adds, .first(add_first), .bank(add_bank), .place(add_depth), .products,
                    .drain_bank(read_bank), .drain_place(read_place), .sums(sums[SUM*(r*FILES+c*MULTS)+:SUM*MULTS])
                );
                lw_output_transform #(.MULTS(MULTS), .IN(SUM), .WIDE(TRANSFORM), .OUT(RESULT)) u_output (
                    .winograd, .in(sums[SUM*(r*FILES+c*MULTS)+:SUM*MULTS]),
                    .out(outputs[RESULT*(r*FILES+c*MULTS)+:RESULT*MULTS])
                );
            end
        end
    endgenerate
    lw_skip #(.BITS(ROWS*FILES*RESULT), .STAGES(OUT_STAGES)) u_outputs (
        .clk, .skips(!winograd), .in(outputs), .out(results_of_depth)
    );

    wire [RESULTS*RESULT-1:0] picked;
    wire [RESULTS*16-1:0] from_rows;
    lw_collector #(
        .ROWS(ROWS), .COLS(COLS), .MULTS(MULTS), .PLACE(PLACE_BITS), .BITS(RESULT), .RESULTS(RESULTS)
    ) u_collector (
        .clk, .read(out_write), .opens(out_opens), .begins(out_begins), .count(out_count),
        .channels(out_rows),
        .span(winograd ? 8'(EACH) : out_tree ? 8'(MULTS) : 8'd1),
        .per_col(winograd ? 8'(TILES / COLS) : out_tree ? 8'd1 : 8'(MULTS)),
        .tiles_w(out_tiles_w), .tiles_h(out_tiles_h), .tiles_t(out_tiles_t),
        .size(winograd ? {8'(TILE_T), 8'(TILE_H), 8'(TILE_W)} : 24'h010101), .left(out_left),
        .results(results_of_depth), .picked, .rows(from_rows)
    );
    logic [ROWS*BIAS-1:0] biases[BIAS_WORDS]  /*verilator public_flat_rw*/;
    always_ff @(posedge clk) if (bias_write) biases[bias_address[BIAS_INDEX-1:0]] <= bias_data;
    /* verilator lint_off UNUSEDSIGNAL */  // watched by test benches
    wire [RESULTS*(RESULT+2)-1:0] finished;
    /* verilator lint_on UNUSEDSIGNAL */
    wire [RESULTS*ACTIVATION-1:0] results;
    lw_vector #(.ROWS(ROWS), .SUM(RESULT), .BIAS(BIAS), .BITS(ACTIVATION), .RESULTS(RESULTS)) u_vector (
        .sums(picked), .rows(from_rows), .biases(biases[out_bias]), .relu(out_relu), .shift(out_shift),
        .finished, .results
    );
    lw_sram #(.WORDS(OFMAP_WORDS), .BITS(OFMAP_WORD), .ADDRESS(32), .LATENCY(1)) u_ofmap (
        .clk, .write(out_write), .write_address(out_to), .write_data(OFMAP_WORD'(results)),
        .read(ofmap_read), .read_address(ofmap_address), .read_data(ofmap_data)
    );
endmodule
