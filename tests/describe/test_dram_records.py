"""Is a record of DRAM that can't be refused when it is loaded, field by field, by type, range and what fits?"""

from __future__ import annotations

from typing import get_type_hints

import numpy as np
import pytest
from plugin_makers import installed_as, plugin

from lw3dsim import InputError
from lw3dsim.base import plugins
from lw3dsim.base.values import names_of, replace
from lw3dsim.describe.allowed import allowed, checked, is_many, metas, plain_kind
from lw3dsim.describe.dram_standard import SIZE_RULES, DramStandard, Rail
from lw3dsim.describe.dram_standards import DRAM_PRESETS, DRAM_STANDARDS, _preset

BASE = DRAM_STANDARDS["lpddr4-3200-x32"]
KINDS = get_type_hints(DramStandard, include_extras=True)
NUMBERS = [name for name, kind in KINDS.items() if plain_kind(kind) in (int, float)]


def refusal(**changes):
    with pytest.raises(InputError) as caught:
        _preset("odd", replace(BASE, **changes))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_built_in_records_pass_as_they_are():
    for standard in DRAM_STANDARDS.values():
        assert _preset("same", standard) is standard


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_of_another_type_or_out_of_range_is_refused_by_its_field(name):
    (meta,) = metas(KINDS[name])
    low = meta.ge if meta.ge is not None else meta.gt
    for value in ("a lot", None, True, 1j, float("nan"), float("inf"), low - 1, meta.le + 1, [low]):
        assert refusal(**{name: value}) == f"{name} is {value!r}, expected {allowed(KINDS[name])}"
    if plain_kind(KINDS[name]) is int:
        assert refusal(**{name: float(meta.le)}).startswith(f"{name} is ")


@pytest.mark.parametrize("name", names_of(Rail))
def test_a_rail_is_checked_like_the_rest(name):
    wrong = replace(BASE.rails[1], **{name: -1})
    assert refusal(rails=(BASE.rails[0], wrong)).startswith(f"rails[1].{name} is -1, expected a number ")


@pytest.mark.parametrize("rails", [(), None, 3, "abc", ({"volts": 1.1},)])
def test_rails_are_one_or_more_records(rails):
    assert refusal(rails=rails) == f"rails is {rails!r}, expected one Rail or more, in a tuple"


@pytest.mark.parametrize("name", ["source", "io_source"])
@pytest.mark.parametrize("text", ["", None, "two\nlines", "\u202ereversed"])
def test_a_source_is_text_that_can_be_shown(name, text):
    assert refusal(**{name: text}) == f"{name} is {text!r}, expected text of one line that is not empty"


MISFITS = (
    {"bus_bits": 36, "device_bits": 4}, {"device_bits": 12}, {"columns": 1000}, {"beats_per_clock": 3},
    {"banks_per_refresh": 3}, {"trcd": 69}, {"tccd_s": 9}, {"trrd_s": 17}, {"twtr_s": 17}, {"tfaw": 15},
    {"tccd_s": 7, "tccd_l": 7}, {"trefi_pb": 0}, {"trfc": 6200},
)  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "changes"), list(zip(SIZE_RULES, MISFITS, strict=True)), ids=lambda one: str(one)[:40]
)
def test_fields_that_do_not_fit_each_other_are_refused_with_their_values(rule, changes):
    broken = replace(BASE, **changes)
    assert [one for one in SIZE_RULES if not one.holds(broken)] == [rule]
    text = refusal(**changes)
    assert text.endswith(f": {rule.says}")
    assert all(f"{name} = {getattr(broken, name)}" in text for name in rule.fields)


def test_numbers_of_other_packages_become_python_s_own():
    given = replace(BASE, rows=np.int64(4096), sustained_share=np.float64(0.5), rails=[replace(BASE.rails[0], volts=2)])
    plain = _preset("numpy", given)
    assert plain == replace(BASE, rows=4096, sustained_share=0.5, rails=(replace(BASE.rails[0], volts=2.0),))
    assert [type(value) for value in (plain.rows, plain.sustained_share, plain.rails, plain.rails[0].volts)] == [
        int, float, tuple, float,
    ]  # fmt: skip


def test_every_field_says_its_type_and_range():
    for kind in (DramStandard, Rail):
        hints = get_type_hints(kind, include_extras=True)
        assert [name for name in names_of(kind) if not metas(hints[name]) and not is_many(hints[name])] == []


def test_what_is_wrong_with_a_registered_record_is_one_sentence(monkeypatch, cli):
    odd = plugin("odd", replace(BASE, trp="a lot"), group=DRAM_PRESETS.group)
    monkeypatch.setattr(plugins, "installed", installed_as(odd))
    monkeypatch.setattr(DRAM_PRESETS, "_tried", {})
    for command in (("simulate", "c3d"), ("energy",), ("explain", "c3d")):
        run = cli(*command, "--set", "dram.preset=odd")
        assert (run.exit_code, run.stdout) == (2, "")
        assert run.stderr.startswith("Error: --set dram.preset=odd: DRAM preset 'odd' of acme 1.0 (entry point ")
        assert run.stderr.endswith("uninstall it: trp is 'a lot', expected a whole number from 1 to 1000000\n")


def test_a_record_that_lacks_most_of_its_fields_is_a_short_sentence(monkeypatch):
    odd = plugin("odd", lambda: DramStandard(bus_bits=16), group=DRAM_PRESETS.group)
    monkeypatch.setattr(plugins, "installed", installed_as(odd))
    monkeypatch.setattr(DRAM_PRESETS, "_tried", {})
    with pytest.raises(InputError) as caught:
        DRAM_PRESETS.get("odd")
    assert len(str(caught.value)) < 320
    assert str(caught.value).endswith("TypeError: Missing required argument 'device_bits'")


def test_a_record_in_a_record_is_not_changed():
    assert checked(BASE.rails[0]) is BASE.rails[0]
