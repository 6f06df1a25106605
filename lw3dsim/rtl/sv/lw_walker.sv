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
    logic [15:0]      next_h, next_w, h, w;
    logic [PLACE-1:0] next_t_at, next_h_at, next_w_at, t_at, h_at, w_at;

    always_comb begin
        h = begins ? 16'd0 : next_h;
        w = begins ? 16'd0 : next_w;
        t_at = begins ? '0 : next_t_at;
        h_at = begins ? '0 : next_h_at;
        w_at = begins ? '0 : next_w_at;
        places = '0;
        for (int lane = 0; lane < LANES; lane++)
            if (16'(lane) < lanes) begin
                places[PLACE*lane+:PLACE] = t_at + h_at + w_at + tap;
                w = w + 16'd1;
                w_at = w_at + pitch_w;
                if (w == tiles_w) begin
                    w = 16'd0;
                    w_at = '0;
                    h = h + 16'd1;
                    h_at = h_at + pitch_h;
                    if (h == tiles_h) begin
                        h = 16'd0;
                        h_at = '0;
                        t_at = t_at + pitch_t;
                    end
                end
            end
    end

    always_ff @(posedge clk)
        if (step) begin
            next_h <= restart ? 16'd0 : h;
            next_w <= restart ? 16'd0 : w;
            next_t_at <= restart ? '0 : t_at;
            next_h_at <= restart ? '0 : h_at;
            next_w_at <= restart ? '0 : w_at;
        end
endmodule
