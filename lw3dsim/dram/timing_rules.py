"""The timing rules of a DRAM channel as one table, and the arrays that the controller checks.

A row says: after ``previous``, a ``then`` in the same ``scope`` waits at least ``clocks``. A scope includes
the narrower ones: what holds within the rank holds within a group and a bank too, so a rule that is
tighter close by (tCCD_L beside tCCD_S) is a second row. tFAW is not a pair rule; the controller keeps the
last four activates. One command per clock is the command bus itself.

The rules are those of JEDEC (JESD79-3, -4, JESD209-4, -5) as DRAMsim3 (Li et al., IEEE CAL 2020) reads
them: read to write leaves ``turnaround`` clocks between the bursts; write recovery and write to read count
from the last beat. LPDDR5 in bank-group mode keeps a group busy for longer than the bus (BL/n_max, BL/n_min):
both turns of the bus are then longer within it. A command of several clocks counts from its last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lw3dsim.base.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.describe.dram_standards import DramStandard

Scope = Literal["bank", "group", "rank"]

COMMANDS = ("ACT", "PRE", "RD", "WR", "REF", "REFpb")
ACT, PRE, RD, WR, REF, REFPB = 0, 1, 2, 3, 4, 5
SCOPES: tuple[Scope, ...] = ("bank", "group", "rank")


class Rule(Value, frozen=True, kw_only=True):
    """After ``previous``, ``then`` in the same ``scope`` waits ``clocks(standard)``."""

    previous: str
    then: str
    scope: Scope
    name: str
    clocks: Callable[[DramStandard], int]


def _rule(previous: str, then: str, scope: Scope, name: str, clocks: Callable[[DramStandard], int]) -> Rule:
    return Rule(previous=previous, then=then, scope=scope, name=name, clocks=clocks)


RULES: tuple[Rule, ...] = (
    _rule("ACT", "RD", "bank", "tRCD", lambda s: s.trcd),
    _rule("ACT", "WR", "bank", "tRCD", lambda s: s.trcd),
    _rule("ACT", "PRE", "bank", "tRAS", lambda s: s.tras),
    _rule("ACT", "ACT", "bank", "tRC", lambda s: s.trc),
    _rule("ACT", "ACT", "group", "tRRD_L", lambda s: s.trrd_l),
    _rule("ACT", "ACT", "rank", "tRRD_S", lambda s: s.trrd_s),
    _rule("ACT", "REF", "rank", "tRC", lambda s: s.trc),
    _rule("ACT", "REFpb", "bank", "tRC", lambda s: s.trc),
    _rule("ACT", "REFpb", "rank", "tRRD", lambda s: s.trrd_s),
    _rule("PRE", "ACT", "bank", "tRP", lambda s: s.trp),
    _rule("PRE", "PRE", "rank", "tPPD", lambda s: s.tppd),
    _rule("PRE", "REF", "rank", "tRP", lambda s: s.trp),
    _rule("PRE", "REFpb", "bank", "tRP", lambda s: s.trp),
    _rule("RD", "RD", "group", "tCCD_L", lambda s: max(s.tccd_l, s.burst_clocks)),
    _rule("RD", "RD", "rank", "tCCD_S", lambda s: max(s.tccd_s, s.burst_clocks)),
    _rule("RD", "WR", "group", "RL + BL/n_max - WL + tRTRS", lambda s: s.cl + s.group_clocks - s.cwl + s.turnaround),
    _rule("RD", "WR", "rank", "RL + BL - WL + tRTRS", lambda s: s.cl + s.burst_clocks - s.cwl + s.turnaround),
    _rule("RD", "PRE", "bank", "tRTP", lambda s: s.trtp),
    _rule("WR", "WR", "group", "tCCD_L", lambda s: max(s.tccd_l, s.burst_clocks)),
    _rule("WR", "WR", "rank", "tCCD_S", lambda s: max(s.tccd_s, s.burst_clocks)),
    _rule("WR", "RD", "group", "WL + BL/n_max + tWTR_L", lambda s: s.cwl + s.group_clocks + s.twtr_l),
    _rule("WR", "RD", "rank", "WL + BL + tWTR_S", lambda s: s.cwl + s.burst_clocks + s.twtr_s),
    _rule("WR", "PRE", "bank", "WL + BL + tWR", lambda s: s.cwl + s.burst_clocks + s.recovery_clocks + s.twr),
    _rule("REF", "ACT", "rank", "tRFC", lambda s: s.trfc),
    _rule("REF", "REF", "rank", "tRFC", lambda s: s.trfc),
    _rule("REFpb", "ACT", "bank", "tRFCpb", lambda s: s.trfc_pb),
    _rule("REFpb", "ACT", "rank", "tPBR2ACT", lambda s: s.tpbr2act),
    _rule("REFpb", "REFpb", "rank", "tPBR2PBR", lambda s: s.tpbr2pbr),
    _rule("REFpb", "REFpb", "bank", "tRFCpb", lambda s: s.trfc_pb),
)


def gap(standard: DramStandard, previous: str, then: str, scope: Scope) -> int:
    """Return the least clocks from ``previous`` to ``then`` within ``scope``: its rules and those of wider scopes."""
    wide = SCOPES.index(scope)
    return max(
        (
            rule.clocks(standard)
            for rule in RULES
            if (rule.previous, rule.then) == (previous, then) and SCOPES.index(rule.scope) >= wide
        ),
        default=0,
    )


class RuleArrays(Value, frozen=True, kw_only=True):
    """The table by previous command: rules ``first[c]`` to ``first[c + 1] - 1`` follow command c.

    ``scope`` indexes :data:`SCOPES`, ``then`` :data:`COMMANDS`; ``clocks`` >= 0. Rules of zero clocks are left out.
    """

    first: list[int]
    scope: list[int]
    then: list[int]
    clocks: list[int]


def rule_arrays(standard: DramStandard) -> RuleArrays:
    """Return the table with the clocks of ``standard``."""
    chosen = [(COMMANDS.index(rule.previous), rule, rule.clocks(standard)) for rule in RULES]
    chosen = sorted((item for item in chosen if item[2] > 0), key=lambda item: item[0])
    return RuleArrays(
        first=[sum(previous < command for previous, _, _ in chosen) for command in range(len(COMMANDS) + 1)],
        scope=[SCOPES.index(rule.scope) for _, rule, _ in chosen],
        then=[COMMANDS.index(rule.then) for _, rule, _ in chosen],
        clocks=[clocks for _, _, clocks in chosen],
    )
