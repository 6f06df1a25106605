"""RTL: the core of an accelerator in SystemVerilog, programs made from schedules, its check against the engines."""
