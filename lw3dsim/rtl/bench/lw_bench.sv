// The test bench's view of a core: its ports, and signals inside that are counted and written down.
module lw_bench #(
    parameter int ROWS = 2,
    parameter int COLS = 2,
    parameter int MULTS = 4,
    parameter int PLACE_BITS = 4,        // of a place in an accumulator file
    parameter int OWN_INPUTS = 0,        // whether rows may read inputs of their own
    parameter int ACTIVATION = 8,
    parameter int DATA = 8,              // operands of the multipliers
    parameter int WEIGHT = 8,
    parameter int PLAIN = 8,
    parameter int ONCHIP = 0,
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
    parameter int WEIGHT_STAGED = 16,
    parameter int REACH = 3,
    parameter int NEAR = 3,
    parameter int GROUPS = 1,
    parameter int GROUP = 4,
    parameter int WINDOW = 1,
    parameter int GRAIN = 8,
    parameter int OFMAP_WORD = 64,
    parameter int OFMAP_WORDS = 1024,
    parameter int BANKS = 0,
    parameter int BIAS_WORDS = 16,
    parameter int VECTOR_LANES = 8,
    parameter int VECTOR = 1,
    parameter int PRODUCTS = 1,
    parameter int TRG = 1,
    parameter int DIVIDED = 16,
    parameter int INVERSE = 16,
    parameter int DIVISIONS = 1,
    parameter int TABLES = 1,
    parameter int PARTS = 1,
    parameter int OUTS = 4,
    parameter int PARTIAL_WORDS = 1,
    parameter int INNER = 0,
    parameter int INNER_STAGED = 1,
    parameter int STAGED_GRAIN = 64,
    parameter int INNER_COUNT = 16,
    parameter int IN_STAGES = 0,         // of the transforms
    parameter int OUT_STAGES = 0,
    parameter int IN_DEPTHS = 1,
    parameter int OUT_DEPTHS = 1,
    parameter int BOTH_DEPTHS = 1,
    localparam int SUMS = (OFMAP_WORD + RESULT - 1) / RESULT + 1,
    localparam int PICKED = OFMAP_WORD / ACTIVATION > SUMS ? OFMAP_WORD / ACTIVATION : SUMS
) (
    input  logic                                 clk,
    input  logic                                 pause,
    input  logic                                 rst,
    input  logic                                 wave_valid,
    output logic                                 wave_ready,
    input  logic [2911:0]                        wave,
    input  logic [SLOTS-1:0]                     ifmap_arrives,
    input  logic [SLOTS-1:0]                     weight_arrives,
    input  logic [31:0]                          room,
    input  logic                                 dma_write,
    input  logic                                 dma_read,
    input  logic [31:0]                          dma_address,
    input  logic [IFMAP_WORD-1:0]                dma_data,
    output logic                                 dma_waits,
    output logic [OFMAP_WORD-1:0]                dma_answer,
    input  logic                                 inner_read,
    input  logic [31:0]                          inner_address,
    output logic [OFMAP_WORD/ACTIVATION*ACTIVATION-1:0] inner_data,
    output logic                                 step_starts,
    output logic                                 step_ends,
    output logic                                 step_drains,
    output logic                                 idle,
    output logic                                 ifmap_reads,
    output logic                                 weight_reads,
    output logic                                 inner_reads,
    output logic [ROWS*COLS*MULTS-1:0]           works,
    output logic [ROWS*COLS*MULTS-1:0]           updates,
    output logic                                 first,
    output logic [VECTOR_LANES-1:0]              operates,
    output logic                                 operates_first,
    output logic                                 out_asks,
    output logic                                 out_write,
    output logic                                 out_read,
    output logic                                 out_wide,
    output logic                                 out_more,
    output logic [31:0]                          out_to,
    output logic [15:0]                          out_count,
    output logic [OFMAP_WORD/ACTIVATION*ACTIVATION-1:0] out_word,
    output logic [PICKED*(RESULT+2)-1:0] out_sums
);
    assign out_read = core.out_read;
    assign out_wide = core.out_wide;
    assign out_more = core.out_more;
    assign ifmap_reads = core.ifmap_reads;
    assign weight_reads = core.weight_reads;
    assign inner_reads = core.inner_reads;
    assign works = core.works;
    assign updates = core.updates;
    assign first = core.add_first;
    assign operates = core.operates;
    assign operates_first = core.operates_first;
    assign out_asks = core.out_asks;
    assign out_write = core.out_write;
    assign out_to = core.out_to;
    assign out_count = core.out_count;
    assign out_word = core.results[OFMAP_WORD/ACTIVATION*ACTIVATION-1:0];
    assign out_sums = core.finished;

    lw_core #(
        .ROWS(ROWS), .COLS(COLS), .MULTS(MULTS), .PLACE_BITS(PLACE_BITS), .OWN_INPUTS(OWN_INPUTS), .ACTIVATION(ACTIVATION), .DATA(DATA), .WEIGHT(WEIGHT), .PLAIN(PLAIN), .ONCHIP(ONCHIP), .SUM(SUM), .RESULT(RESULT), .BIAS(BIAS), .STAGES(STAGES), .LATENCY(LATENCY), .SLOTS(SLOTS), .IFMAP_WORD(IFMAP_WORD), .IFMAP_WORDS(IFMAP_WORDS), .IFMAP_STAGED(IFMAP_STAGED), .WEIGHT_WORD(WEIGHT_WORD), .WEIGHT_WORDS(WEIGHT_WORDS), .WEIGHT_STAGED(WEIGHT_STAGED), .REACH(REACH), .NEAR(NEAR), .GROUPS(GROUPS), .GROUP(GROUP), .WINDOW(WINDOW), .GRAIN(GRAIN), .OFMAP_WORD(OFMAP_WORD), .OFMAP_WORDS(OFMAP_WORDS), .BANKS(BANKS), .BIAS_WORDS(BIAS_WORDS), .VECTOR_LANES(VECTOR_LANES), .VECTOR(VECTOR), .PRODUCTS(PRODUCTS), .TRG(TRG),
        .DIVIDED(DIVIDED), .INVERSE(INVERSE), .DIVISIONS(DIVISIONS), .TABLES(TABLES), .PARTS(PARTS), .OUTS(OUTS), .PARTIAL_WORDS(PARTIAL_WORDS), .INNER(INNER), .INNER_STAGED(INNER_STAGED), .STAGED_GRAIN(STAGED_GRAIN), .INNER_COUNT(INNER_COUNT), .IN_STAGES(IN_STAGES), .OUT_STAGES(OUT_STAGES), .IN_DEPTHS(IN_DEPTHS), .OUT_DEPTHS(OUT_DEPTHS), .BOTH_DEPTHS(BOTH_DEPTHS)
    ) core (
        .dma_clk(clk), .pause, .rst, .wave_valid, .wave_ready, .wave, .ifmap_arrives, .weight_arrives, .room, .step_starts, .step_ends,
        .step_drains, .idle, .ifmap_write(dma_write), .ifmap_address(dma_address), .ifmap_data(dma_data), .weight_write(1'b0),
        .weight_address('0), .weight_data('0), .bias_write(1'b0), .bias_address('0), .bias_data('0), .table_write(1'b0), .table_address('0), .table_data('0), .ofmap_read(dma_read),
        .ofmap_address(dma_address), .ofmap_data(dma_answer), .dma_waits, .inner_read, .inner_address, .inner_data
    );
endmodule
