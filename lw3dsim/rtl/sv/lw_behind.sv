// What changes from wave to wave and travels behind the drain, beside the data: a stage takes it when it is new there, and is
// clocked in no other cycle. `STAGES` registers behind each other, and up to `MORE` besides.
module lw_behind #(
    parameter int BITS = 1,
    parameter int STAGES = 1,
    parameter int MORE = 0,
    parameter int DEPTHS = -1   // bit n: there may be n more
) (
    input  logic            clk,
    input  logic            fresh,  // `in` is another than in the cycle before
    input  logic [7:0]      more,
    input  logic [BITS-1:0] in,
    output logic [BITS-1:0] out
);
    localparam int ALL = STAGES + MORE;
    wire [BITS*(ALL+1)-1:0] at;
    wire [ALL:0]            is_new;
    assign at[BITS-1:0] = in;
    assign is_new[0] = fresh;
    genvar i;
    generate
        for (i = 0; i < ALL; i = i + 1) begin : g_stage
            logic            new_here;
            logic [BITS-1:0] held;
            always_ff @(posedge clk) begin
                new_here <= is_new[i];
                if (is_new[i]) held <= at[BITS*i+:BITS];
            end
            assign is_new[i+1] = new_here;
            assign at[BITS*(i+1)+:BITS] = held;
        end
    endgenerate
    lw_depth #(.BITS(BITS), .MOST(MORE), .DEPTHS(DEPTHS)) u_depth (.depth(more), .at(at[BITS*ALL+BITS-1:BITS*STAGES]), .out);
    wire unused = is_new[ALL];
endmodule
