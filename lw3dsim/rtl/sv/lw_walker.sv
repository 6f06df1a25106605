// Where the lanes find their tiles in a staged patch: tiles follow each other by w, h, t, one a lane, then one depth on.
//
// Places are counted in activations. A tap moves all lanes alike.
module lw_walker #(
    parameter int LANES = 4,
    parameter int PLACE = 16
) (
    input  logic                   clk,
    input  logic                   step,      // a cycle of the feed
    input  logic                   restart,   // the last of the depths: the first tiles come next
    input  logic [15:0]            lanes,     // that there are in this mode
    input  logic [15:0]            tiles_w,   // of the wave
    input  logic [15:0]            tiles_h,
    input  logic [PLACE-1:0]       pitch_t,   // from tile to tile
    input  logic [PLACE-1:0]       pitch_h,
    input  logic [PLACE-1:0]       pitch_w,
    input  logic [PLACE-1:0]       tap,
    input  logic                   begins,    // the first of the depths
    output logic [LANES*PLACE-1:0] places
);
    localparam int STATE = 32 + 3 * PLACE;
    logic [STATE-1:0] next;
    genvar i;
    generate
        for (i = 0; i < LANES; i = i + 1) begin : g_lane
            wire [STATE-1:0] here, behind_it;
            if (i == 0) begin : g_first
                assign here = begins ? '0 : next;
            end else begin : g_next
                assign here = g_lane[i-1].behind_it;
            end
            lw_walk #(.PLACE(PLACE)) u_walk (
                .works(16'(i) < lanes), .tiles_w, .tiles_h, .pitch_t, .pitch_h, .pitch_w, .tap, .here, .behind_it,
                .place(places[PLACE*i+:PLACE])
            );
        end
    endgenerate
    always_ff @(posedge clk) if (step) next <= restart ? '0 : g_lane[LANES-1].behind_it;
endmodule
