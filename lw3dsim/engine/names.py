"""The names of the engines that are built in, for whoever checks one before it is known whether any is needed."""

from __future__ import annotations

BUILTIN = AUTO, FAST, SIMPY = "auto", "fast", "simpy"
