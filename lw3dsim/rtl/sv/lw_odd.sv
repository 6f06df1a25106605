// An exact quotient by 2^`SHIFT` + 1, or - 1: what is left when it is taken away as often less once. Every bit of it hangs
// on lower ones alone, so that this is one subtraction.
module lw_odd #(
    parameter int BITS = 32,
    parameter int SHIFT = 1,
    parameter int MINUS = 0
) (
    input  logic [BITS-1:0] value,
    output logic [BITS-1:0] quotient
);
    logic times, from, taken, differs, borrows;
    always_comb begin
        quotient = '0;
        borrows = 1'b0;
        for (int i = 0; i < BITS; i++) begin
            times = i >= SHIFT && quotient[i>=SHIFT?i-SHIFT : 0];
            from = MINUS != 0 ? times : value[i];
            taken = MINUS != 0 ? value[i] : times;
            differs = from ^ taken;
            quotient[i] = differs ^ borrows;
            borrows = differs ? taken : borrows;
        end
    end
endmodule
