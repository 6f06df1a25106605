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
    parameter int PLAIN = 8,             // before they are transformed
    parameter int ONCHIP = 0,            // whether that is done here
    parameter int SUM = 32,              // of accumulators
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
    parameter int WEIGHT_STAGED = 16,    // of a row
    parameter int REACH = 3,             // words of the patch in which lanes find inputs at one time
    parameter int NEAR = 3,              // in which a group of elements finds them
    parameter int GROUPS = 1,            // of what lanes take
    parameter int GROUP = 4,             // elements of one
    parameter int WINDOW = 1,            // places in windows, but for the first
    parameter int GRAIN = 8,             // bits, of which widths of weights and words are multiples
    parameter int OFMAP_WORD = 64,
    parameter int OFMAP_WORDS = 1024,
    parameter int BANKS = 0,             // of a memory that takes the place of the three buffers; 0: there is none
    parameter int BIAS_WORDS = 16,
    parameter int VECTOR_LANES = 8,
    parameter int VECTOR = 1,            // whether there are layers of the vector unit
    parameter int PRODUCTS = 1,          // of two tensors
    parameter int TRG = 1,
    parameter int DIVIDED = 16,          // bits of sums of which there are means; 0: there are none
    parameter int INVERSE = 16,          // of the inverse of how many values they are of
    parameter int DIVISIONS = 1,         // of such numbers of values
    parameter int TABLES = 1,            // of activations
    parameter int PARTS = 1,             // places of the largest tile in a multiplier's accumulators
    parameter int OUTS = 4,              // results of a PE at a time
    parameter int PARTIAL_WORDS = 1,     // of partial sums of a depth
    parameter int INNER = 0,             // elements of intermediate tensors of fused groups
    parameter int INNER_STAGED = 1,      // words of a round of them
    parameter int STAGED_GRAIN = 64,     // bits, of which words that are staged of either are multiples
    parameter int INNER_COUNT = 16,      // bits of what is counted along their axes
    parameter int IN_STAGES = 0,         // of the transforms, at most
    parameter int OUT_STAGES = 0,
    parameter int IN_DEPTHS = 1,         // bit n: there are layers, or groups, with so many
    parameter int OUT_DEPTHS = 1,
    parameter int BOTH_DEPTHS = 1        // of both together
) (
    input  logic                   dma_clk,
    input  logic                   pause,   // DMA has the only port of a buffer in this cycle
    input  logic                   rst,
    input  logic                   wave_valid,
    output logic                   wave_ready,
    input  logic [2911:0]          wave,
    input  logic                   ifmap_write,   // of a shared memory: whatever DMA writes
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
    /* verilator lint_off UNUSEDSIGNAL */  // of tables
    input  logic                   table_write,
    input  logic [31:0]            table_address,
    input  logic [ACTIVATION-1:0]  table_data,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic                   ofmap_read,
    input  logic [31:0]            ofmap_address,
    output logic [OFMAP_WORD-1:0]  ofmap_data,
    output logic                   dma_waits,     // the array has the bank: a word is written, or read, in a later cycle
    /* verilator lint_off UNUSEDSIGNAL */  // of intermediate tensors, from any element on
    input  logic                   inner_read,
    input  logic [31:0]            inner_address,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [OFMAP_WORD/ACTIVATION*ACTIVATION-1:0] inner_data,
    input  logic [SLOTS-1:0]       ifmap_arrives,
    input  logic [SLOTS-1:0]       weight_arrives,
    input  logic [31:0]            room,
    output logic                   step_starts,
    output logic                   step_ends,
    output logic                   step_drains,
    output logic                   idle
);
    // FIELDS
    wire clk;
    lw_gate u_gate (.clk(dma_clk), .pause, .gated(clk));
    /* verilator lint_off PINCONNECTEMPTY */  // of what algorithms are, every unit looks at what is its own
    localparam int BIAS_INDEX = $clog2(BIAS_WORDS) > 0 ? $clog2(BIAS_WORDS) : 1;
    localparam int FILES = COLS * MULTS;
    localparam int PLACES = PARTS * MULTS;
    localparam int TILED = OUT_STAGES != 0 ? 1 : 0;  // whether there are algorithms
    localparam int RESULTS = OFMAP_WORD / ACTIVATION;
    localparam int SUMS = (OFMAP_WORD + RESULT - 1) / RESULT + 1;
    localparam int PICKED = RESULTS > SUMS ? RESULTS : SUMS;
    localparam int INPUTS = OWN_INPUTS != 0 ? ROWS : 1;
    // What is staged of a patch, whichever buffer it comes from.
    localparam int INNER_BITS = INNER != 0 ? OFMAP_WORD * INNER_STAGED : 0;
    localparam int PATCH_BITS = IFMAP_WORD * IFMAP_STAGED > INNER_BITS ? IFMAP_WORD * IFMAP_STAGED : INNER_BITS;
    localparam int PATCH_WORDS = (PATCH_BITS + IFMAP_WORD - 1) / IFMAP_WORD;
    localparam int OF_IFMAP = IFMAP_WORD / STAGED_GRAIN, OF_INNER = INNER != 0 ? OFMAP_WORD / STAGED_GRAIN : OF_IFMAP;
    localparam int STAGED_BITS = INNER != 0 ? STAGED_GRAIN * OF_IFMAP * OF_INNER : IFMAP_WORD;
    localparam int PATCH = PATCH_BITS / ACTIVATION;
    // Of a place in the patch; a descriptor has room for 16.
    localparam int AT = PATCH <= 2 ? 1 : PATCH > 65536 ? 16 : $clog2(PATCH);

    wire load_start, load_next, load_set;

    // The waves that come next, are fed, and drain. Every unit looks at the fields that are its own.
    /* verilator lint_off UNUSEDSIGNAL */
    logic [16*FIELDS-1:0] next, now, leaving;
    wire [16*FIELDS-1:0]  loaded = load_next ? next : now;
    /* verilator lint_on UNUSEDSIGNAL */
    logic                 next_valid;
    wire                  next_taken;
    // A vector step is taken group by group.
    wire                  is_first_group, is_last_group, opens_frames, closes_frames;
    wire [31:0]           operands, operands_along, results_at, sums_at;
    // Rings of halos that are kept, in a core of fused groups.
    localparam int RINGS = INNER != 0 ? 1 : 0;
    generate
        if (VECTOR != 0) begin : g_groups
            lw_groups #(.RINGS(RINGS)) u_groups (
                .clk, .rst, .taken(next_taken), .groups(next[16*F_REPEATS+:32]), .base(next[16*F_IFMAP_BASE+:32]),
                .offset(next[16*F_RING_ALONG+:32]), .axis(RINGS != 0 ? next[16*F_RING_AXIS+:2] : 2'd0),
                .block(next[16*F_NEXT_BLOCK+:32]), .step_t(next[16*F_NEXT_T+:32]), .step_h(next[16*F_NEXT_H+:32]),
                .step_w(next[16*F_NEXT_W+:32]), .groups_all(next[16*F_BESIDE+:16]), .groups_h(next[16*F_BESIDE_H+:16]),
                .groups_w(next[16*F_BESIDE_W+:16]), .results_base(next[16*F_OFMAP_BASE+:32]),
                .results_words(next[16*F_RESULT_WORDS+:16]), .sums_base(next[16*F_SUMS_BASE+:32]),
                .sums_words(next[16*F_SUM_WORDS+:16]), .is_first(is_first_group), .is_last(is_last_group),
                .opens(opens_frames), .closes(closes_frames), .operands, .operands_along, .results(results_at), .sums(sums_at)
            );
        end else begin : g_whole
            assign {is_first_group, is_last_group, opens_frames, closes_frames} = '1;
            assign operands = next[16*F_IFMAP_BASE+:32];
            assign operands_along = next[16*F_RING_ALONG+:32];
            assign results_at = next[16*F_OFMAP_BASE+:32];
            assign sums_at = next[16*F_SUMS_BASE+:32];
        end
    endgenerate
    logic [16*FIELDS-1:0] group;
    always_comb begin
        group = next;
        group[16*F_FLAGS+B_FIRST] = next[16*F_FLAGS+B_FIRST] && is_first_group;
        group[16*F_FLAGS+B_LAST] = next[16*F_FLAGS+B_LAST] && is_last_group;
        group[16*F_FLAGS+B_OPENS] = opens_frames;
        group[16*F_FLAGS+B_CLOSES] = closes_frames;
        group[16*F_FLAGS+B_BEGINS] = is_first_group;
        group[16*F_OFMAP_BASE+:32] = results_at;
        group[16*F_SUMS_BASE+:32] = sums_at;
    end
    assign wave_ready = !next_valid || (next_taken && is_last_group);
    always_ff @(posedge clk) begin
        if (rst) next_valid <= 1'b0;
        else if (wave_ready) next_valid <= wave_valid;
        if (wave_ready && wave_valid) next <= wave;
        if (next_taken) now <= group;
    end
    // The layers of a group have algorithms of their own, and a pipeline as deep as the deepest transforms.
    wire [7:0] mode = now[16*F_MODE+:8];
    wire [7:0] in_stages = now[16*F_IN_STAGES+:8], out_stages = now[16*F_OUT_STAGES+:8];
    wire tree = now[16*F_FLAGS+B_TREE], winograd = mode != 8'd0;
    wire [7:0]  passes, tiles_col;
    wire [15:0] in_tiles, in_cycles, kernel_tiles, kernel_cycles;
    lw_modes u_modes (
        .mode, .passes, .each(), .per_col(tiles_col), .size(), .in_tiles, .in_cycles, .out_tiles(), .out_cycles(),
        .kernel_tiles, .kernel_cycles, .used(), .lane()
    );

    wire feed_start, feed_bank, feed_set, feed_opens, feed_busy, feed_last;
    wire drain_start, drain_bank, drain_busy, drain_last;
    lw_controller #(.SLOTS(SLOTS)) u_controller (
        .clk, .rst, .next_valid,
        .next_first(group[16*F_FLAGS+B_FIRST]), .next_new_ifmap(next[16*F_FLAGS+B_NEW_IFMAP]),
        .next_new_weight(next[16*F_FLAGS+B_NEW_WEIGHT]),
        .next_need_ifmap(next[16*F_NEED_IFMAP+:32]), .next_need_weight(next[16*F_NEED_WEIGHT+:32]),
        .next_need_room(next[16*F_NEED_ROOM+:32]), .next_waits(next[16*F_FLAGS+B_WAITS]),
        .next_ifmap_slot(next[16*F_SLOTS+:3]), .next_weight_slot(next[16*F_SLOTS+3+:3]),
        .next_ifmap_words(next[16*F_IFMAP_WORDS+:16]), .next_weight_words(next[16*F_WEIGHT_WORDS+:16]),
        .next_rounds(next[16*F_ROUNDS+:16]), .next_taken,
        .now_last(now[16*F_FLAGS+B_LAST]), .now_ifmap_words(now[16*F_IFMAP_WORDS+:16]),
        .now_weight_words(now[16*F_WEIGHT_WORDS+:16]), .now_turns(now[16*F_TURNS+:32]),
        .pipeline(16'(LATENCY + STAGES + 2) + 16'(in_stages) + 16'(out_stages)),
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
    wire [31:0] ifmap_round, ifmap_along;
    wire [31:0] ring = loaded[16*F_RING+:32];
    wire [1:0]  ring_axis = RINGS != 0 ? loaded[16*F_RING_AXIS+:2] : 2'd0;
    logic [31:0] weight_from;
    wire [31:0] weight_round = load_next ? next[16*F_WEIGHT_BASE+:32] : weight_from;
    always_ff @(posedge clk)
        if (load_start) weight_from <= weight_round + 32'(loaded[16*F_WEIGHT_WORDS+:16]);
    lw_rounds #(.RINGS(RINGS)) u_rounds (
        .clk, .start(load_start), .begins(load_next), .base(operands), .offset(operands_along), .axis(ring_axis),
        .block(loaded[16*F_BLOCK_PITCH+:32]), .step_t(loaded[16*F_GROUP_T+:32]), .step_h(loaded[16*F_GROUP_H+:32]),
        .step_w(loaded[16*F_GROUP_W+:32]), .groups(loaded[16*F_GROUPS+:16]), .groups_h(loaded[16*F_GROUPS_H+:16]),
        .groups_w(loaded[16*F_GROUPS_W+:16]), .address(ifmap_round), .along(ifmap_along)
    );

    // Of two operands the other may be in the input buffer, and may lie in an order of its own.
    wire is_second = RINGS != 0 && !load_next;
    wire is_other = is_second && loaded[16*F_FLAGS+B_MIXED];
    wire reads_inner = loaded[16*F_FLAGS+B_INNER] && !is_other;
    wire is_elsewhere = is_second && loaded[16*F_ELSEWHERE];
    wire [31:0] other_at, other_along;
    generate
        if (RINGS != 0 && VECTOR != 0) begin : g_elsewhere
            wire [31:0] next_at, next_along;
            lw_rounds u_other (
                .clk, .start(next_taken), .begins(is_first_group), .base(next[16*F_OTHER_BASE+:32]),
                .offset(next[16*F_OTHER_ALONG+:32]), .axis(next[16*F_OTHER_AXIS+:2]), .block(next[16*F_OTHER_BLOCK+:32]),
                .step_t(next[16*F_OTHER_T+:32]), .step_h(next[16*F_OTHER_H+:32]), .step_w(next[16*F_OTHER_W+:32]),
                .groups(next[16*F_BESIDE+:16]), .groups_h(next[16*F_BESIDE_H+:16]), .groups_w(next[16*F_BESIDE_W+:16]),
                .address(next_at), .along(next_along)
            );
            logic [31:0] now_at, now_along;
            always_ff @(posedge clk) if (next_taken) {now_at, now_along} <= {next_at, next_along};
            assign {other_at, other_along} = {now_at, now_along};
        end else begin : g_here
            assign {other_at, other_along} = '0;
        end
    endgenerate
    wire [31:0] read_at = is_elsewhere ? other_at : ifmap_round, read_along = is_elsewhere ? other_along : ifmap_along;
    wire [31:0] read_ring = is_elsewhere ? loaded[16*F_OTHER_RING+:32] : ring;
    wire [1:0]  read_axis = is_elsewhere ? loaded[16*F_OTHER_AXIS+:2] : ring_axis;
    // A round is read out of the input buffer or of an intermediate tensor, and ends before the next begins.
    logic inner_held;
    wire  from_inner = load_start ? reads_inner : inner_held;
    always_ff @(posedge clk) if (load_start) inner_held <= reads_inner;
    wire patch_reads, weight_reads;
    wire ifmap_reads = patch_reads && !from_inner;
    /* verilator lint_off UNUSEDSIGNAL */  // where there are intermediate tensors
    wire inner_reads = patch_reads && from_inner;
    wire [31:0] patch_to_end;
    wire patch_lapped;
    /* verilator lint_on UNUSEDSIGNAL */
    wire [31:0] patch_at, patch_behind, weight_at;
    wire [15:0] patch_number, weight_number;
    lw_reader #(
        .ADDRESS(32), .STEP(IFMAP_WORD / ACTIVATION), .OTHER(INNER != 0 ? RESULTS : IFMAP_WORD / ACTIVATION), .RINGS(RINGS)
    ) u_patch_reader (
        .clk, .rst, .start(load_start), .other(from_inner), .base(read_at), .offset(read_along), .ring(read_ring),
        .axis(read_axis), .run(is_other ? loaded[16*F_OTHER_RUN+:16] : loaded[16*F_RUN+:16]),
        .rows(loaded[16*F_RUN_ROWS+:16]), .frames(loaded[16*F_RUN_FRAMES+:16]),
        .row_pitch(loaded[16*F_ROW_PITCH+:32]), .frame_pitch(loaded[16*F_FRAME_PITCH+:32]),
        .read(patch_reads), .address(patch_at), .behind(patch_behind), .to_end(patch_to_end), .lapped(patch_lapped),
        .number(patch_number)
    );
    lw_reader #(.ADDRESS(32), .STEP(1), .OTHER(1), .RINGS(0)) u_weight_reader (
        .clk, .rst, .start(load_start && loaded[16*F_VECTOR+:3] == 3'd0), .other(1'b0), .base(weight_round),
        .offset(32'd0), .ring(32'd0), .axis(2'd0), .run(loaded[16*F_WEIGHT_WORDS+:16]), .rows(16'd1), .frames(16'd1), .row_pitch(32'd0), .frame_pitch(32'd0),
        .read(weight_reads), .address(weight_at), .behind(), .to_end(), .lapped(), .number(weight_number)
    );
    logic set_loading;
    wire load_into = load_start ? load_set : set_loading;
    always_ff @(posedge clk) if (load_start) set_loading <= load_set;

    wire [IFMAP_WORD-1:0] ifmap_word;
    wire [WEIGHT_WORD-1:0] weight_word;

    // Grains of the weights of a row in the round that is loaded, and of those in both sets.
    wire [7:0] loaded_grains, grains;
    lw_width u_loaded_width (.mode(loaded[16*F_MODE+:8]), .grains(loaded_grains));
    lw_width u_width (.mode, .grains);
    logic [15:0] row_of[2];
    wire [15:0] row_loads = load_start ? loaded[16*F_TAPS+:16] * loaded[16*F_SPAN+:16] * 16'(loaded_grains) :
                            row_of[set_loading];
    always_ff @(posedge clk) if (load_start) row_of[load_set] <= row_loads;

    wire patch_comes, weight_comes, patch_set, weight_set;
    wire [15:0] patch_which, weight_which, weight_of_row;
    lw_delay #(.BITS(18), .STAGES(LATENCY)) u_patch_tag (
        .clk, .in({patch_reads && !rst, load_into, patch_number}), .out({patch_comes, patch_set, patch_which})
    );
    lw_delay #(.BITS(34), .STAGES(LATENCY)) u_weight_tag (
        .clk, .in({weight_reads && !rst, load_into, weight_number, row_loads}),
        .out({weight_comes, weight_set, weight_which, weight_of_row})
    );

    // Of the last channels there may be fewer than multipliers.
    logic [15:0] rounds_left;
    always_ff @(posedge clk)
        if (feed_start) rounds_left <= next_taken ? next[16*F_ROUNDS+:16] - 16'd1 : rounds_left - 16'd1;
    wire [15:0] channels = rounds_left < now[16*F_GROUPS+:16] ? now[16*F_LAST_CHANNELS+:16] :
                           now[16*F_FULL_CHANNELS+:16];
    // What lanes have made of a group they look up in a cycle more.
    wire looks = TABLES != 0 && now[16*F_TABLE+8] && now[16*F_VECTOR+:3] != 3'd0 && rounds_left == 16'd0;

    // The feed, and where its lanes and rows find their operands.
    wire works_now, bank, set, first, deepest, ends_tile;
    wire [15:0] tap_t, tap_h, tap_w, depth;
    wire [7:0]  part;
    /* verilator lint_off UNUSEDSIGNAL */  // a wave is as deep as accumulators are
    wire [15:0] place;
    /* verilator lint_on UNUSEDSIGNAL */
    lw_feed #(.ONCHIP(ONCHIP)) u_feed (
        .clk, .rst, .start(feed_start), .bank_in(feed_bank), .set_in(feed_set), .opens_in(feed_opens),
        .frames(now[16*F_TAPS_T+:16]), .rows(now[16*F_TAPS_H+:16]), .columns(now[16*F_TAPS_W+:16]),
        .depths(now[16*F_DEPTHS+:16]), .passes, .tiles(looks ? 16'd2 : now[16*F_TRANSFORMS_IN+:16]), .tiles_each(in_tiles),
        .cycles_each(in_cycles), .kernels(now[16*F_TRANSFORMS_WEIGHTS+:16]), .kernels_each(kernel_tiles), .kernel_cycles,
        .busy(feed_busy), .works(works_now), .last(feed_last), .bank, .set, .first,
        .frame(tap_t), .row(tap_h), .column(tap_w), .depth, .place, .part, .ends_tile, .deepest
    );
    /* verilator lint_off UNUSEDSIGNAL */  // it counts beyond the patch
    wire [15:0] tap = tap_t * now[16*F_TAP_T+:16] + tap_h * now[16*F_TAP_H+:16] + tap_w * now[16*F_TAP_W+:16];
    /* verilator lint_on UNUSEDSIGNAL */
    wire [15:0] kernel = (tap_t * now[16*F_TAPS_H+:16] + tap_h) * now[16*F_TAPS_W+:16] + tap_w;
    // Where the weights of the tap lie, and how far apart those of rows, in grains.
    wire [15:0] at_tap = kernel * now[16*F_SPAN+:16] * 16'(grains), of_row = row_of[set];
    wire [15:0] lanes = tree ? 16'(COLS) : winograd ? 16'(COLS) * 16'(tiles_col) : 16'(FILES);
    wire [FILES*AT-1:0] places;
    lw_walker #(.LANES(FILES), .PLACE(AT)) u_walker (
        .clk, .step(works_now && ends_tile), .restart(deepest), .lanes,
        .tiles_w(now[16*F_TILES_W+:16]), .tiles_h(now[16*F_TILES_H+:16]),
        .pitch_t(now[16*F_PITCH_T+:AT]), .pitch_h(now[16*F_PITCH_H+:AT]), .pitch_w(now[16*F_PITCH_W+:AT]),
        .tap(tap[AT-1:0]), .begins(depth == 16'd0), .places
    );
    wire [15:0] working = deepest ? now[16*F_LAST_LANES+:16] : lanes;

    wire go, go_bank, go_set, go_first, go_tree;
    wire [7:0] go_part, go_mode;
    wire [PLACE_BITS-1:0] go_depth;
    wire go_grouped;
    wire [15:0] go_tap, go_of_row, go_channels, go_working, go_rows;
    wire [47:0] go_window;
    wire [FILES*AT-1:0] go_places;
    lw_delay #(.BITS(22 + PLACE_BITS + 16*5 + 48 + FILES*AT), .STAGES(LATENCY)) u_front (
        .clk,
        .in({works_now && !rst, bank, set, first, tree, part, mode, place[PLACE_BITS-1:0], at_tap, of_row, channels, working,
             now[16*F_ROWS+:16], now[16*F_ROW_PLACE],
             now[16*F_WINDOW_T+:16], now[16*F_WINDOW_H+:16], now[16*F_WINDOW_W+:16], places}),
        .out({go, go_bank, go_set, go_first, go_tree, go_part, go_mode, go_depth, go_tap, go_of_row, go_channels, go_working,
              go_rows, go_grouped, go_window, go_places})
    );

    wire comes_inner;
    wire [STAGED_BITS-1:0] staged_word;
    wire [PATCH_BITS-1:0] patch;
    lw_staging #(.WORD(STAGED_GRAIN), .WORDS(PATCH_BITS / STAGED_GRAIN), .EACH(OF_IFMAP), .OTHER(OF_INNER)) u_patch (
        .clk, .write(patch_comes), .half(patch_set), .other(comes_inner), .number(patch_which), .data(staged_word),
        .read_set(go_set), .held(patch)
    );
    wire [INPUTS*COLS*PLACES*ACTIVATION-1:0] elements;
    lw_operands #(
        .ROWS(ROWS), .COLS(COLS), .MULTS(MULTS), .PLACES(PLACES), .ACTIVATION(ACTIVATION), .WORD(IFMAP_WORD),
        .STAGED(PATCH_WORDS), .REACH(REACH), .NEAR(NEAR), .GROUPS(GROUPS), .GROUP(GROUP), .WINDOW(WINDOW), .AT(AT),
        .OWN_INPUTS(OWN_INPUTS)
    ) u_operands (
        .clk, .tree(go_tree), .mode(go_mode), .places(go_places), .window(go_window), .grouped(go_grouped),
        .patch((IFMAP_WORD*PATCH_WORDS)'(patch)), .data(elements)
    );

    // Weights wait in front of their files, word by word, while inputs are transformed: a word is smaller than operands.
    wire late_comes, late_write_set;
    wire [15:0] late_which, late_row_loads;
    wire [WEIGHT_WORD-1:0] late_word;
    lw_taps #(.BITS(34 + WEIGHT_WORD), .STAGES(IN_STAGES), .DEPTHS(IN_DEPTHS)) u_weights_wait (
        .clk, .stages(in_stages), .in({weight_comes, weight_set, weight_which, weight_of_row, weight_word}),
        .out({late_comes, late_write_set, late_which, late_row_loads, late_word})
    );
    wire late_go, late_set, late_tree;
    wire [7:0] late_part, late_mode;
    wire [15:0] late_tap, late_of_row, late_channels, late_working, late_rows;
    lw_taps #(.BITS(19 + 16*5), .STAGES(IN_STAGES), .DEPTHS(IN_DEPTHS)) u_rows_wait (
        .clk, .stages(in_stages),
        .in({go, go_set, go_tree, go_part, go_mode, go_tap, go_of_row, go_channels, go_working, go_rows}),
        .out({late_go, late_set, late_tree, late_part, late_mode, late_tap, late_of_row, late_channels, late_working, late_rows})
    );
    localparam int TAKEN = (PLACES * (ONCHIP != 0 ? PLAIN : WEIGHT) + GRAIN - 1) / GRAIN;
    wire [ROWS*TAKEN*GRAIN-1:0] kernels;
    lw_kernels #(.ROWS(ROWS), .WORD(WEIGHT_WORD), .WORDS(WEIGHT_STAGED), .GRAIN(GRAIN), .TAKEN(TAKEN)) u_kernels (
        .clk, .write(late_comes), .half(late_write_set), .number(late_which), .loading(late_row_loads), .data(late_word),
        .read_set(late_set), .of_row(late_of_row), .at_tap(late_tap), .taken(kernels)
    );
    wire [7:0] late_tiles_col;
    wire [PLACES-1:0]   tile_used;
    wire [8*PLACES-1:0] tile_lane;
    lw_modes u_modes_late (
        .mode(late_mode), .passes(), .each(), .per_col(late_tiles_col), .size(), .in_tiles(), .in_cycles(), .out_tiles(),
        .out_cycles(), .kernel_tiles(), .kernel_cycles(), .used(tile_used), .lane(tile_lane)
    );
    wire [ROWS*MULTS*WEIGHT-1:0] weights;
    /* verilator lint_off UNUSEDSIGNAL */  // watched by test benches
    wire [ROWS*FILES-1:0] works, updates;
    /* verilator lint_on UNUSEDSIGNAL */
    lw_rows #(
        .ROWS(ROWS), .COLS(COLS), .MULTS(MULTS), .PLACES(PLACES), .WEIGHT(WEIGHT), .TAKEN(TAKEN * GRAIN), .PLAIN(PLAIN),
        .ONCHIP(ONCHIP), .TILED(TILED)
    ) u_rows (
        .clk, .go(late_go), .tree(late_tree), .mode(late_mode), .part(late_part), .per_col(late_tiles_col), .used(tile_used),
        .lane(tile_lane), .channels(late_channels), .working(late_working), .rows(late_rows), .kernels, .weights,
        .works
    );

    wire add_first, made_bank, made_first, add_bank, to_tree;
    wire [PLACE_BITS-1:0] add_depth, made_depth;
    wire [7:0] from_part, from_mode;
    lw_delay #(.BITS(17), .STAGES(1)) u_operand (
        .clk, .in({late_tree, go_part, go_mode}), .out({to_tree, from_part, from_mode})
    );
    lw_delay #(.BITS(2 + PLACE_BITS), .STAGES(STAGES + 1)) u_made (
        .clk, .in({go_bank, go_first, go_depth}), .out({made_bank, made_first, made_depth})
    );
    lw_taps #(.BITS(2 + PLACE_BITS), .STAGES(IN_STAGES), .DEPTHS(IN_DEPTHS)) u_add (
        .clk, .stages(in_stages), .in({made_bank, made_first, made_depth}), .out({add_bank, add_first, add_depth})
    );

    // The drain, whose sequence reaches the accumulators as late as products do. What it says of words follows when all
    // places of a tile have been read, and transformed.
    /* verilator lint_off UNUSEDSIGNAL */  // a wave is as deep as accumulators are
    wire [15:0] drain_place;
    /* verilator lint_on UNUSEDSIGNAL */
    wire [15:0] here, kept, from, offset, count, partial_word;
    wire [31:0] drain_to;
    wire [7:0]  drain_part;
    wire drain_takes, drain_reads, drain_writes, drain_from_bank, drain_opens, ends_depth, drain_deepest;
    always_ff @(posedge clk) if (drain_start) leaving <= now;
    wire sums_in = leaving[16*F_FLAGS+B_SUMS_IN], sums_out = leaving[16*F_FLAGS+B_SUMS_OUT];
    wire is_vector = leaving[16*F_VECTOR+:3] != 3'd0;
    wire [7:0]  leaving_mode = leaving[16*F_MODE+:8], leaving_passes, leaving_col;
    wire        leaving_tree = leaving[16*F_FLAGS+B_TREE];
    wire [15:0] out_tiles, out_cycles;
    wire [23:0] leaving_size;
    lw_modes u_modes_leaving (
        .mode(leaving_mode), .passes(leaving_passes), .each(), .per_col(leaving_col), .size(leaving_size), .in_tiles(),
        .in_cycles(), .out_tiles, .out_cycles, .kernel_tiles(), .kernel_cycles(), .used(), .lane()
    );
    wire [15:0] leaving_lanes = leaving_tree ? 16'(COLS) :
                                leaving_mode != 8'd0 ? 16'(COLS) * 16'(leaving_col) : 16'(FILES);
    // Of a mean over frames, only the last group is divided.
    wire divides = leaving[16*F_FLAGS+B_DIVIDES] && (leaving[16*F_VECTOR+:3] != 3'd4 || leaving[16*F_FLAGS+B_CLOSES]);
    wire [23:0] left = {leaving[16*F_LEFT_T+:8], leaving[16*F_LEFT_H+:8], leaving[16*F_LEFT_W+:8]};
    lw_kept #(.LANES(FILES), .PLACES(PLACES), .PLACE(PLACE_BITS)) u_kept (
        .clk, .opens(drain_start), .step(ends_depth),
        .working(drain_deepest ? leaving[16*F_LAST_LANES+:16] : leaving_lanes), .rows(leaving[16*F_ROWS+:16]),
        .tiles_w(leaving[16*F_TILES_W+:16]), .tiles_h(leaving[16*F_TILES_H+:16]),
        .tiles_t(leaving[16*F_TILES_T+:16]), .size(leaving_size), .left, .outputs(kept)
    );
    assign here = is_vector ? leaving[16*F_OUTPUTS+:16] : kept;
    lw_drain #(
        .ADDRESS(32), .WORD(OFMAP_WORD), .SUM(RESULT), .RESULTS(RESULTS), .LANES(VECTOR_LANES), .PARTS(PARTS)
    ) u_drain (
        .clk, .rst, .start(drain_start), .bank_in(drain_bank), .sums_in, .sums_out,
        .looks_up(TABLES != 0 && leaving[16*F_TABLE+:8] != 8'd0 && !leaving[16*F_TABLE+9] && !is_vector && !sums_out), .here,
        .outputs(leaving[16*F_OUTPUTS+:32]), .depths(leaving[16*F_DEPTHS+:16]), .passes(leaving_passes),
        .tiles(leaving[16*F_TRANSFORMS_OUT+:16]), .tiles_each(out_tiles), .cycles_each(out_cycles),
        .base(leaving[16*F_OFMAP_BASE+:32]), .sums_base(leaving[16*F_SUMS_BASE+:32]), .busy(drain_busy),
        .last(drain_last), .ends_depth, .deepest(drain_deepest), .takes(drain_takes), .part(drain_part),
        .place(drain_place), .read(drain_reads), .word(partial_word), .write(drain_writes), .bank(drain_from_bank),
        .opens(drain_opens), .from, .offset, .count, .address(drain_to)
    );
    localparam int READ_BITS = 18 + PLACE_BITS;
    wire [READ_BITS-1:0] reads_soon, reads;
    lw_delay #(.BITS(READ_BITS), .STAGES(LATENCY + 1 + STAGES)) u_reads_soon (
        .clk, .in({drain_takes && !rst, drain_from_bank, drain_part, leaving_mode, drain_place[PLACE_BITS-1:0]}),
        .out(reads_soon)
    );
    lw_taps #(.BITS(READ_BITS), .STAGES(IN_STAGES), .DEPTHS(IN_DEPTHS)) u_reads (
        .clk, .stages(in_stages), .in(reads_soon), .out(reads)
    );
    wire read_takes, read_bank;
    wire [7:0] read_part, read_mode, read_passes;
    wire [PLACE_BITS-1:0] read_place;
    assign {read_takes, read_bank, read_part, read_mode, read_place} = reads;
    lw_modes u_modes_read (
        .mode(read_mode), .passes(read_passes), .each(), .per_col(), .size(), .in_tiles(), .in_cycles(), .out_tiles(),
        .out_cycles(), .kernel_tiles(), .kernel_cycles(), .used(), .lane()
    );

    // How means are made stays, by number of values; which it is follows the words.
    // As far as a product is from its quotient: the bits of the inverse, and those that a sum has more than its values.
    localparam int SHIFTED = DIVIDED > ACTIVATION ? $clog2(INVERSE + DIVIDED - ACTIVATION + 1) : 1;
    localparam int DIVISION = DIVIDED + 2 * INVERSE + SHIFTED;
    wire [DIVISION-1:0] division;
    generate
        if (VECTOR != 0 && DIVIDED != 0) begin : g_division
            localparam int WHICH = DIVISIONS > 1 ? $clog2(DIVISIONS) : 1;
            // A place for whatever number there may be, or nothing would drive some.
            logic [DIVISION-1:0] held[DIVISIONS > 1 ? 1 << WHICH : 1];
            wire [WHICH-1:0] which;
            if (DIVISIONS > 1) begin : g_which
                wire [WHICH-1:0] soon, then, late;
                lw_delay #(.BITS(WHICH), .STAGES(LATENCY + 1 + STAGES)) u_soon (
                    .clk, .in(leaving[16*F_DIVISION+:WHICH]), .out(soon)
                );
                lw_taps #(.BITS(WHICH), .STAGES(IN_STAGES), .DEPTHS(IN_DEPTHS)) u_then (
                    .clk, .stages(in_stages), .in(soon), .out(then)
                );
                lw_taps #(.BITS(WHICH), .STAGES(PARTS - 1)) u_late (
                    .clk, .stages(leaving_passes - 8'd1), .in(then), .out(late)
                );
                lw_taps #(.BITS(WHICH), .STAGES(OUT_STAGES), .DEPTHS(OUT_DEPTHS)) u_which (
                    .clk, .stages(out_stages), .in(late), .out(which)
                );
            end else begin : g_one
                assign which = '0;
            end
            wire [WHICH-1:0] number = DIVISIONS > 1 ? now[16*F_DIVISION+:WHICH] : '0;
            always_ff @(posedge clk)
                if (drain_start && now[16*F_FLAGS+B_DIVIDES])
                    held[number] <= {now[16*F_INVERSE+:INVERSE], now[16*F_OFFSET+:DIVIDED+INVERSE],
                             now[16*F_INVERSE_SHIFT+:SHIFTED]};
            assign division = held[which];
        end else begin : g_no_division
            assign division = '0;
        end
    endgenerate
    // What the collector needs alone, then what it needs too.
    localparam int PICK_BITS = 1 + 16 + 1;
    localparam int OUT_BITS = 2 + 16 + 16*3 + 24 + 8 + 4 + BIAS_INDEX + 8 + 32 + 16*3 + 5 + 4;
    wire [PICK_BITS+OUT_BITS-1:0] writes_soon, writes_then, writes_late;
    wire [OUT_BITS-1:0] writes;
    lw_delay #(.BITS(PICK_BITS + OUT_BITS), .STAGES(LATENCY + 1 + STAGES)) u_writes_soon (
        .clk,
        .in({from == 16'd0 && offset == 16'd0, leaving[16*F_ROWS+:16], leaving_tree,
             drain_writes && !rst, drain_opens && from == 16'd0 && offset == 16'd0, count, leaving[16*F_TILES_T+:16],
             leaving[16*F_TILES_H+:16], leaving[16*F_TILES_W+:16], left, leaving_mode,
             drain_reads && !rst, sums_in, sums_out, leaving[16*F_FLAGS+B_RELU],
             leaving[16*F_BIAS+:BIAS_INDEX], leaving[16*F_SHIFT+:8], drain_to, from, offset, partial_word,
             leaving[16*F_VECTOR+:3], drain_from_bank, divides,
             leaving[16*F_FLAGS+B_KEEPS], leaving[16*F_FLAGS+B_FIRST] || !is_vector, leaving[16*F_FLAGS+B_BEGINS],
             leaving[16*F_FLAGS+B_OPENS]}),
        .out(writes_soon)
    );
    lw_taps #(.BITS(PICK_BITS + OUT_BITS), .STAGES(IN_STAGES), .DEPTHS(IN_DEPTHS)) u_writes_then (
        .clk, .stages(in_stages), .in(writes_soon), .out(writes_then)
    );
    lw_taps #(.BITS(PICK_BITS + OUT_BITS), .STAGES(PARTS - 1)) u_writes_late (
        .clk, .stages(leaving_passes - 8'd1), .in(writes_then), .out(writes_late)
    );
    lw_taps #(.BITS(OUT_BITS), .STAGES(OUT_STAGES), .DEPTHS(OUT_DEPTHS)) u_writes (
        .clk, .stages(out_stages), .in(writes_late[OUT_BITS-1:0]), .out(writes)
    );

    wire pick_write, pick_opens, pick_begins, pick_tree;
    wire [15:0] pick_count, pick_rows, pick_tiles_t, pick_tiles_h, pick_tiles_w;
    wire [23:0] pick_left;
    wire [7:0]  pick_mode;
    assign {pick_begins, pick_rows, pick_tree, pick_write, pick_opens, pick_count, pick_tiles_t, pick_tiles_h,
            pick_tiles_w, pick_left, pick_mode} = writes_late[PICK_BITS+OUT_BITS-1-:PICK_BITS+98];
    wire out_write, out_read, out_adds, out_wide, out_relu;
    wire [BIAS_INDEX-1:0] out_bias;
    /* verilator lint_off UNUSEDSIGNAL */  // less than a sum, and without groups nobody places results
    wire out_opens;
    wire [15:0] out_count, out_from, out_word, out_offset, out_tiles_t, out_tiles_h, out_tiles_w;
    wire [23:0] out_left;
    /* verilator lint_on UNUSEDSIGNAL */
    wire [7:0] out_shift;
    wire [31:0] out_to;
    wire [2:0] out_vector;
    wire out_bank, out_divides;
    wire [7:0] out_mode;
    wire out_keeps, out_restarts, out_anew, out_along;
    assign {out_write, out_opens, out_count, out_tiles_t, out_tiles_h, out_tiles_w, out_left, out_mode, out_read, out_adds,
            out_wide, out_relu, out_bias, out_shift, out_to, out_from, out_offset, out_word, out_vector, out_bank,
            out_divides, out_keeps, out_restarts, out_anew, out_along} = writes;

    wire [ROWS*COLS*OUTS*RESULT-1:0] results_of_depth;
    lw_array #(
        .ROWS(ROWS), .COLS(COLS), .MULTS(MULTS), .PARTS(PARTS), .OUTS(OUTS), .PLACE_BITS(PLACE_BITS),
        .OWN_INPUTS(OWN_INPUTS), .ACTIVATION(ACTIVATION), .DATA(DATA), .WEIGHT(WEIGHT), .SUM(SUM), .RESULT(RESULT),
        .STAGES(STAGES), .IN_STAGES(IN_STAGES), .IN_DEPTHS(IN_DEPTHS)
    ) u_array (
        .clk, .mode(from_mode), .read_mode, .in_stages, .passes(read_passes), .tree(to_tree), .part(from_part), .elements,
        .weights, .works, .add_bank, .add_first, .add_place(add_depth), .read_takes, .read_bank, .read_part, .read_place,
        .updates, .results(results_of_depth)
    );

    // The lanes of the vector unit take operands from where rounds are staged, as late as products are added.
    /* verilator lint_off UNUSEDSIGNAL */  // watched by test benches
    wire [VECTOR_LANES-1:0] operates;
    wire operates_first;
    /* verilator lint_on UNUSEDSIGNAL */
    wire [PICKED*RESULT-1:0] summed, picked, partials;
    /* verilator lint_off UNUSEDSIGNAL */  // a word has room for fewer
    wire [PICKED*RESULT-1:0] added;
    /* verilator lint_on UNUSEDSIGNAL */
    generate
        if (VECTOR != 0) begin : g_lanes
            lw_groups_made #(
                .LANES(VECTOR_LANES), .ELEMENT(ACTIVATION), .BITS(RESULT), .PICKED(PICKED), .LATENCY(LATENCY),
                .STAGES(STAGES), .PRODUCTS(PRODUCTS), .TRG(TRG), .SUMMED(DIVIDED > ACTIVATION ? DIVIDED : ACTIVATION + 1),
                .MORE(INNER != 0 ? IN_STAGES + OUT_STAGES : 0), .DEPTHS(BOTH_DEPTHS)
            ) u_made (
                .clk, .more(in_stages + out_stages), .kind(now[16*F_VECTOR+:3]), .opens(now[16*F_FLAGS+B_OPENS]),
                .closes(now[16*F_FLAGS+B_CLOSES]), .count(now[16*F_OUTPUTS+:16]), .go, .go_bank, .go_first,
                .operand((VECTOR_LANES*ACTIVATION)'(patch)), .takes(out_vector != 3'd0), .read_bank(out_bank),
                .from(out_from), .summed, .operates, .operates_first, .picked
            );
        end else begin : g_none
            wire unused = &{1'b0, out_vector, out_bank};
            assign {operates, operates_first} = '0;
            assign picked = summed;
        end
    endgenerate
    wire [7:0]  pick_each, pick_col;
    wire [23:0] pick_size;
    lw_modes u_modes_pick (
        .mode(pick_mode), .passes(), .each(pick_each), .per_col(pick_col), .size(pick_size), .in_tiles(), .in_cycles(),
        .out_tiles(), .out_cycles(), .kernel_tiles(), .kernel_cycles(), .used(), .lane()
    );
    // Outputs are picked first, and pass the stages of the transforms and what divides them behind: there they are fewest.
    localparam int ROW = ROWS > 1 ? $clog2(ROWS) : 1;
    wire [PICKED*RESULT-1:0] collected, scaled;
    wire [PICKED*ROW-1:0] collected_rows, from_rows;
    lw_collector #(
        .ROWS(ROWS), .COLS(COLS), .PLACES(OUTS), .PLACE(PLACE_BITS), .BITS(RESULT), .PICKED(PICKED), .ROW(ROW)
    ) u_collector (
        .clk, .read(pick_write), .opens(pick_opens), .begins(pick_begins), .count(pick_count),
        .channels(pick_rows),
        .span(pick_mode != 8'd0 ? pick_each : pick_tree ? MULTS[7:0] : 8'd1),
        .per_col(pick_mode != 8'd0 ? pick_col : pick_tree ? 8'd1 : MULTS[7:0]),
        .tiles_w(pick_tiles_w), .tiles_h(pick_tiles_h), .tiles_t(pick_tiles_t), .size(pick_size), .left(pick_left),
        .results(results_of_depth), .picked(collected), .rows(collected_rows)
    );
    lw_taps #(.BITS(PICKED*(RESULT + ROW)), .STAGES(OUT_STAGES), .DEPTHS(OUT_DEPTHS)) u_picked (
        .clk, .stages(out_stages), .in({collected_rows, collected}), .out({from_rows, scaled})
    );
    genvar q;
    generate
        for (q = 0; q < PICKED; q = q + 1) begin : g_quotient
            lw_quotient #(.BITS(RESULT)) u_quotient (
                .mode(out_mode), .value(scaled[RESULT*q+:RESULT]), .quotient(summed[RESULT*q+:RESULT])
            );
        end
    endgenerate
    wire [ROWS*BIAS-1:0] biases;
    lw_biases #(.WORDS(BIAS_WORDS), .BITS(ROWS*BIAS), .INDEX(BIAS_INDEX)) u_biases (
        .dma_clk, .write(bias_write), .write_address(bias_address[BIAS_INDEX-1:0]), .write_data(bias_data),
        .address(out_bias), .word(biases)
    );
    /* verilator lint_off UNUSEDSIGNAL */  // watched by test benches
    wire [PICKED*(RESULT+2)-1:0] finished, totals;
    wire [PICKED*ACTIVATION-1:0] results, codes;
    wire out_more;  // results of lanes take an operation more each: they are looked up, or a running mean is divided
    /* verilator lint_on UNUSEDSIGNAL */
    lw_vector #(
        .ROWS(ROWS), .ROW(ROW), .SUM(RESULT), .BIAS(BIAS), .BITS(ACTIVATION), .RESULTS(PICKED), .VECTOR(VECTOR), .LANES(VECTOR_LANES),
        .DIVIDED(DIVIDED), .INVERSE(INVERSE), .SHIFTED(SHIFTED)
    ) u_vector (
        .sums(picked), .partials, .adds(out_adds), .kind(out_vector), .added, .rows(from_rows), .biases,
        .divides(out_divides), .inverse(division[DIVISION-1-:INVERSE]), .offset(division[SHIFTED+:DIVIDED+INVERSE]),
        .inverse_shift(division[SHIFTED-1:0]),
        .relu(out_relu), .shift(out_shift), .finished(totals), .results(codes)
    );
    generate
        if (TABLES != 0) begin : g_tables
            // Which table it is follows the words.
            wire [8:0] table_soon, table_then, table_late, table_now;
            lw_delay #(.BITS(9), .STAGES(LATENCY + 1 + STAGES)) u_soon (
                .clk, .in(sums_out ? 9'd0 : leaving[16*F_TABLE+:9]), .out(table_soon)
            );
            lw_taps #(.BITS(9), .STAGES(IN_STAGES), .DEPTHS(IN_DEPTHS)) u_then (
                .clk, .stages(in_stages), .in(table_soon), .out(table_then)
            );
            lw_taps #(.BITS(9), .STAGES(PARTS - 1)) u_late (
                .clk, .stages(leaving_passes - 8'd1), .in(table_then), .out(table_late)
            );
            lw_taps #(.BITS(9), .STAGES(OUT_STAGES), .DEPTHS(OUT_DEPTHS)) u_which (
                .clk, .stages(out_stages), .in(table_late), .out(table_now)
            );
            wire [7:0] which = table_now[7:0];
            lw_tables #(.TABLES(TABLES), .BITS(ACTIVATION), .RESULTS(PICKED)) u_tables (
                .dma_clk, .write(table_write), .address(table_address), .data(table_data), .number(which), .codes, .results
            );
            genvar i;
            for (i = 0; i < PICKED; i = i + 1) begin : g_result
                assign finished[(RESULT+2)*i+:RESULT+2] = which == 8'd0 ? totals[(RESULT+2)*i+:RESULT+2] :
                                                          (RESULT+2)'($signed(results[ACTIVATION*i+:ACTIVATION]));
            end
            assign out_more = (table_now[8] && out_vector != 3'd0) || out_vector > 3'd4;
        end else begin : g_no_tables
            assign {results, finished, out_more} = {codes, totals, out_vector > 3'd4};
        end
    endgenerate

    // Partial sums come a cycle after they are read; a word of sums may begin and end within one.
    wire comes;
    wire [15:0] comes_word;
    wire [OFMAP_WORD-1:0] answer;
    lw_delay #(.BITS(17), .STAGES(1)) u_comes (.clk, .in({out_read, out_word}), .out({comes, comes_word}));
    lw_partials #(
        .WORD(OFMAP_WORD), .WORDS(PARTIAL_WORDS), .SUM(RESULT), .RESULTS(RESULTS), .PICKED(PICKED)
    ) u_partials (
        .clk, .comes, .number(comes_word), .data(answer), .adds(out_adds), .wide(out_wide), .from(out_from),
        .sums(partials)
    );
    // It begins with what is left of the sum that the word before has begun.
    wire [OFMAP_WORD-1:0] sums_word = OFMAP_WORD'(added[SUMS*RESULT-1:0] >> out_offset[$clog2(RESULT)-1:0]);
    wire [OFMAP_WORD-1:0] leaves = out_wide ? sums_word : OFMAP_WORD'(results[RESULTS*ACTIVATION-1:0]);
    wire out_asks = (out_write && !out_keeps) || out_read;
    generate
        if (BANKS != 0) begin : g_shared
            wire unused = &{1'b0, weight_write, weight_address, weight_data};
            lw_shared #(
                .BANKS(BANKS), .WORDS(IFMAP_WORDS / BANKS), .ELEMENT(ACTIVATION), .ELEMENTS(IFMAP_WORD / ACTIVATION),
                .LATENCY(LATENCY)
            ) u_memory (
                .clk, .dma_clk, .pause, .dma_write(ifmap_write), .dma_read(ofmap_read && !ifmap_write),
                .dma_address(ifmap_write ? ifmap_address : ofmap_address), .dma_data(ifmap_data), .dma_waits,
                .dma_answer(ofmap_data), .ifmap_read(ifmap_reads), .ifmap_address(patch_at), .ifmap_behind(patch_behind), .ifmap_word,
                .weight_read(weight_reads), .weight_address(weight_at), .weight_word, .out_enable(out_asks),
                .out_write, .out_address(out_to), .out_data(leaves), .out_answer(answer)
            );
        end else begin : g_buffers
            assign dma_waits = 1'b0;
            lw_turned #(
                .WORDS(IFMAP_WORDS), .ELEMENT(ACTIVATION), .ELEMENTS(IFMAP_WORD / ACTIVATION), .LATENCY(LATENCY)
            ) u_ifmap (
                .clk, .dma_clk, .write(ifmap_write), .write_address(ifmap_address), .write_data(ifmap_data),
                .read(ifmap_reads), .read_address(patch_at), .read_behind(patch_behind), .read_data(ifmap_word)
            );
            lw_sram #(.WORDS(WEIGHT_WORDS), .BITS(WEIGHT_WORD), .ADDRESS(32), .LATENCY(LATENCY)) u_weight (
                .clk, .dma_clk, .write(weight_write), .write_address(weight_address), .write_data(weight_data),
                .read(weight_reads), .read_address(weight_at), .read_data(weight_word)
            );
            lw_output_buffer #(.WORDS(OFMAP_WORDS), .BITS(OFMAP_WORD)) u_ofmap (
                .clk, .dma_clk, .enable(out_asks), .write(out_write), .address(out_to), .data(leaves), .answer,
                .dma_read(ofmap_read), .dma_address(ofmap_address), .dma_data(ofmap_data)
            );
        end
    endgenerate

    // Intermediate tensors of fused groups.
    genvar i;
    generate
        if (INNER != 0) begin : g_inner
            logic [15:0] tag_held;
            wire  [15:0] tag = !load_start ? tag_held : loaded[16*(is_elsewhere ? F_OTHER_TAG : F_READ_TAG)+:16];
            always_ff @(posedge clk) if (load_start) tag_held <= tag;
            wire [OFMAP_WORD-1:0] inner_word;
            // Where words go follows them: counts, and what is as wide as a place.
            localparam int PLACE = $clog2(INNER) > 0 ? $clog2(INNER) : 1;
            localparam int COUNTS = F_KEEP_TO_END + 1 - F_KEEP_ROWS, STEPS = (F_KEEP_RING_LAST + 2 - F_KEEP_BASE) / 2;
            localparam int KEEP = 16 + 3 + 2 + INNER_COUNT*COUNTS + PLACE*STEPS;
            wire [INNER_COUNT*COUNTS-1:0] leaving_counts, counts;
            wire [PLACE*STEPS-1:0]  leaving_steps, steps;
            for (i = 0; i < COUNTS; i = i + 1) begin : g_count
                assign leaving_counts[INNER_COUNT*i+:INNER_COUNT] = leaving[16*(F_KEEP_ROWS+i)+:INNER_COUNT];
            end
            for (i = 0; i < STEPS; i = i + 1) begin : g_step
                assign leaving_steps[PLACE*i+:PLACE] = leaving[16*(F_KEEP_BASE+2*i)+:PLACE];
            end
            wire [KEEP-1:0] keep;
            wire [15:0] keep_tag;
            wire [2:0]  keep_runs;
            wire [1:0]  keep_axis;
            logic is_leaving;
            always_ff @(posedge clk) is_leaving <= drain_start;
            lw_behind #(
                .BITS(KEEP), .STAGES(LATENCY + 1 + STAGES), .MORE(IN_STAGES + OUT_STAGES), .DEPTHS(BOTH_DEPTHS)
            ) u_keep (
                .clk, .fresh(is_leaving), .more(in_stages + out_stages),
                .in({leaving[16*F_KEEP_TAG+:16], leaving[16*F_KEEP_RUNS+:3], leaving[16*F_KEEP_AXIS+:2], leaving_counts,
                     leaving_steps}), .out(keep)
            );
            assign {keep_tag, keep_runs, keep_axis, counts, steps} = keep;
            wire [23:0] out_size;
            lw_modes u_modes_out (
                .mode(out_mode), .passes(), .each(), .per_col(), .size(out_size), .in_tiles(), .in_cycles(), .out_tiles(),
                .out_cycles(), .kernel_tiles(), .kernel_cycles(), .used(), .lane()
            );
            wire [PICKED*PLACE-1:0] kept_at;
            wire [PICKED-1:0] kept_laps;
            lw_places #(
                .PICKED(PICKED), .PLACE(PLACE), .COUNT(INNER_COUNT), .TILE($clog2(PLACES + 1)), .TILED(TILED)
            ) u_places (
                .clk, .read(out_write), .begins(out_opens && out_anew), .groups(out_opens), .enters(out_opens && out_along),
                .opens(out_opens && (out_restarts || (out_anew && keep_runs != 3'd0))), .runs(keep_runs), .count(out_count),
                .tiles_w(out_tiles_w[INNER_COUNT-1:0]), .tiles_h(out_tiles_h[INNER_COUNT-1:0]),
                .tiles_t(out_tiles_t[INNER_COUNT-1:0]), .size(out_size), .left(out_left), .counts, .steps,
                .axis(keep_axis), .places(kept_at), .laps(kept_laps)
            );
            lw_inner #(
                .ELEMENTS(INNER), .PLACE(PLACE), .ELEMENT(ACTIVATION), .WORD(RESULTS), .PICKED(PICKED), .LATENCY(LATENCY)
            ) u_inner (
                .clk, .dma_clk, .dma_read(inner_read), .dma_address(inner_address), .dma_word(inner_data), .write(out_write && out_keeps), .count(out_count), .places(kept_at), .data(results),
                .write_tag(keep_tag), .write_laps(kept_laps), .read(inner_reads), .address(patch_at),
                .read_tag(tag + 16'(patch_lapped)), .least(loaded[16*F_VECTOR+:3] == 3'd2), .ring(read_ring), .to_end(patch_to_end), .word(inner_word)
            );
            lw_delay #(.BITS(1), .STAGES(LATENCY)) u_from (.clk, .in(from_inner), .out(comes_inner));
            // The word is chosen where it comes, before it is staged.
            assign staged_word = comes_inner ? {(OF_IFMAP) {inner_word}} : {(OF_INNER) {ifmap_word}};
        end else begin : g_no_inner
            wire unused_keeps = &{1'b0, out_keeps, out_restarts, out_anew, out_along};
            assign comes_inner = 1'b0;
            assign staged_word = ifmap_word;
            assign inner_data = '0;
        end
    endgenerate
    /* verilator lint_on PINCONNECTEMPTY */
endmodule
