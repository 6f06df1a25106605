// The collector: picks the results of a word out of the accumulators of one depth, the channels of a tile side by side.
module lw_collector #(
    parameter int ROWS = 2,
    parameter int LANES = 2,    // accumulator files of a row
    parameter int SUM = 32,
    parameter int RESULTS = 8
) (
    input  logic                      clk,
    input  logic                      read,
    input  logic                      begins,    // first word of a depth
    input  logic [15:0]               channels,  // rows that work
    input  logic [15:0]               stride,    // accumulator files from lane to lane
    input  logic [ROWS*LANES*SUM-1:0] sums,
    output logic [RESULTS*SUM-1:0]    picked,
    output logic [RESULTS*16-1:0]     rows       // that they come from
);
    logic [15:0] next_row, next_lane, row, lane;

    always_comb begin
        row = begins ? 16'd0 : next_row;
        lane = begins ? 16'd0 : next_lane;
        for (int i = 0; i < RESULTS; i++) begin
            rows[16*i+:16] = row;
            picked[SUM*i+:SUM] = 32'(row) < ROWS && 32'(lane) < LANES ? sums[SUM*(32'(row)*LANES+32'(lane))+:SUM] : '0;
            row = row + 16'd1;
            if (row == channels) begin
                row = 16'd0;
                lane = lane + stride;
            end
        end
    end

    always_ff @(posedge clk)
        if (read) begin
            next_row <= row;
            next_lane <= lane;
        end
endmodule
