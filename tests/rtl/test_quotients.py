"""Does the subtraction that divides by a number next to a power of two give what was multiplied by it, of any bits?"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import lw3dsim

VERILOG = Path(lw3dsim.__file__).parent / "rtl" / "sv" / "lw_odd.sv"
CHECK = """
module check(input logic [9:0] value);
    logic [9:0] quotient;
    lw_odd #(.BITS(10), .SHIFT({shift}), .MINUS({minus})) u_odd (.value, .quotient);
    always_comb assert (value == 10'((quotient << {shift}) {sign} quotient));
endmodule
"""


@pytest.mark.parametrize("minus", [0, 1])
@pytest.mark.parametrize("shift", [1, 2, 3, 9])
def test_a_quotient_times_its_divisor_is_the_value(shift, minus, tmp_path):
    if shutil.which("yosys") is None:
        pytest.skip("there is no Yosys here")
    (tmp_path / "check.sv").write_text(CHECK.format(shift=shift, minus=minus, sign="-" if minus else "+"))
    script = f"read_verilog -sv -formal {VERILOG} check.sv; prep -flatten -top check; sat -verify -prove-asserts"
    subprocess.run(["yosys", "-q", "-p", script], cwd=tmp_path, capture_output=True, text=True, check=True)
