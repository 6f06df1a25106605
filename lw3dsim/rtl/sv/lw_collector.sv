// The collector: picks the results of a word out of those of one depth: the channels of a position side by side, then the
// positions of a tile, then the tiles of the lanes. Positions of ragged tiles beyond the border are left out.
module lw_collector #(
    parameter int ROWS = 2,
    parameter int COLS = 2,
    parameter int MULTS = 4,
    parameter int BITS = 32,
    parameter int RESULTS = 8
) (
    input  logic                             clk,
    input  logic                             read,
    input  logic                             opens,     // first word of a wave
    input  logic                             begins,    // first word of a depth
    input  logic [15:0]                      count,     // results of the word
    input  logic [15:0]                      channels,  // rows that work
    input  logic [7:0]                       span,      // multipliers of a lane
    input  logic [7:0]                       per_col,   // lanes of a column
    input  logic [15:0]                      tiles_w,   // of the wave
    input  logic [15:0]                      tiles_h,
    input  logic [15:0]                      tiles_t,
    input  logic [23:0]                      size,      // outputs of a tile along T, H, W
    input  logic [23:0]                      left,      // of the last tile along each
    input  logic [ROWS*COLS*MULTS*BITS-1:0]  results,
    output logic [RESULTS*BITS-1:0]          picked,
    output logic [RESULTS*16-1:0]            rows       // that they come from
);
    localparam int FILES = COLS * MULTS;
    // Row, position in the tile, lane of the column, column; and where the tile lies in the wave.
    logic [15:0] row, next_row, w, h, t, next_w, next_h, next_t;
    logic [7:0]  pw, ph, pt, lane, next_pw, next_ph, next_pt, next_lane;
    logic [15:0] col, next_col;
    logic [7:0]  vw, vh, vt;
    logic [31:0] file;

    always_comb begin
        row = begins ? 16'd0 : next_row;
        {pw, ph, pt, lane} = begins ? 32'd0 : {next_pw, next_ph, next_pt, next_lane};
        col = begins ? 16'd0 : next_col;
        {w, h, t} = opens ? 48'd0 : {next_w, next_h, next_t};
        vw = size[7:0];
        vh = size[15:8];
        vt = size[23:16];
        file = 32'd0;
        for (int i = 0; i < RESULTS; i++) begin
            vw = w + 16'd1 == tiles_w ? left[7:0] : size[7:0];
            vh = h + 16'd1 == tiles_h ? left[15:8] : size[15:8];
            vt = t + 16'd1 == tiles_t ? left[23:16] : size[23:16];
            file = 32'(col) * MULTS + 32'(lane) * 32'(span) +
                (32'(pt) * 32'(size[15:8]) + 32'(ph)) * 32'(size[7:0]) + 32'(pw);
            rows[16*i+:16] = row;
            picked[BITS*i+:BITS] = 32'(row) < ROWS && file < FILES ? results[BITS*(32'(row)*FILES+file)+:BITS] : '0;
            if (16'(i) < count) row = row + 16'd1;
            if (row == channels) begin
                row = 16'd0;
                pw = pw + 8'd1;
                if (pw == vw) begin
                    pw = 8'd0;
                    ph = ph + 8'd1;
                end
                if (ph == vh) begin
                    ph = 8'd0;
                    pt = pt + 8'd1;
                end
                if (pt == vt) begin
                    pt = 8'd0;
                    lane = lane + 8'd1;
                    if (lane == per_col) begin
                        lane = 8'd0;
                        col = col + 16'd1;
                    end
                    w = w + 16'd1;
                    if (w == tiles_w) begin
                        w = 16'd0;
                        h = h + 16'd1;
                    end
                    if (h == tiles_h) begin
                        h = 16'd0;
                        t = t + 16'd1;
                    end
                end
            end
        end
    end

    always_ff @(posedge clk)
        if (read) begin
            next_row <= row;
            {next_pw, next_ph, next_pt, next_lane} <= {pw, ph, pt, lane};
            next_col <= col;
            {next_w, next_h, next_t} <= {w, h, t};
        end
endmodule
