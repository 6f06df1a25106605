// Where a lane finds its tile, and what the next lane begins with: see `lw_walker`.
module lw_walk #(
    parameter int PLACE = 16,
    localparam int STATE = 32 + 3 * PLACE
) (
    input  logic             works,   // the lane is there in this mode
    input  logic [15:0]      tiles_w,
    input  logic [15:0]      tiles_h,
    input  logic [PLACE-1:0] pitch_t,
    input  logic [PLACE-1:0] pitch_h,
    input  logic [PLACE-1:0] pitch_w,
    input  logic [PLACE-1:0] tap,
    input  logic [STATE-1:0] here,
    output logic [STATE-1:0] behind_it,
    output logic [PLACE-1:0] place
);
    logic [15:0]      h, w;
    logic [PLACE-1:0] t_at, h_at, w_at;
    always_comb begin
        {h, w, t_at, h_at, w_at} = here;
        place = works ? t_at + h_at + w_at + tap : '0;
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
        behind_it = works ? {h, w, t_at, h_at, w_at} : here;
    end
endmodule
