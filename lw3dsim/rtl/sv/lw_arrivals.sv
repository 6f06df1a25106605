// Tiles that DMA has brought into the slots of a buffer: how many, and for how many cycles each has been there.
module lw_arrivals #(
    parameter int SLOTS = 2
) (
    input  logic                clk,
    input  logic                rst,
    input  logic [SLOTS-1:0]    arrives,  // can be read from this cycle on
    output logic [31:0]         tiles,    // that have come, those of this cycle among them
    output logic [16*SLOTS-1:0] age       // cycles since then, this one among them; saturates
);
    logic [31:0]         counted;
    logic [16*SLOTS-1:0] held;

    always_comb begin
        tiles = counted;
        for (int s = 0; s < SLOTS; s++) begin
            tiles = tiles + {31'd0, arrives[s]};
            age[16*s+:16] = arrives[s] ? 16'd1 : (&held[16*s+:16]) ? 16'hffff : held[16*s+:16] + 16'd1;
        end
    end

    always_ff @(posedge clk) begin
        counted <= rst ? 32'd0 : tiles;
        held <= rst ? '1 : age;
    end
endmodule
