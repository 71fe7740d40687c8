"""The table of devices: globs, precedence, and that each flag does something."""

import re
from typing import Any

import pytest

from bridge.domain.events import BootNotification
from bridge.domain.quirks import EFFECTS, TABLE, Quirk, Row, clash, effective, of_device
from bridge.domain.settings import ProfileKind, RateUnit, StationSettings

PLAIN = StationSettings()
ROW = Row(vendor="Acme*", model="?1", firmware="5.*", quirks=(Quirk.WATTS_ONLY,), sources=())


def boot(vendor: str = "", model: str = "", firmware: str | None = None) -> BootNotification:
    return BootNotification(
        vendor_name=vendor, model=model, reason="PowerUp", firmware_version=firmware
    )


WALLBOX = boot("Wall Box Chargers", "CPB1-S-2-4", "6.6.20")


# --- The table ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "fits"),
    [
        (("Acme", "M1", "5.0"), True),
        (("ACME GmbH", "m1", "5."), True),
        (("acme", "M1", "6.0"), False),
        (("Acme", "M12", "5.0"), False),
        (("The Acme", "M1", "5.0"), False),
        (("Acme", "M1", ""), False),
    ],
)
def test_a_row_fits_by_globs_that_ignore_case(device: tuple[str, str, str], fits: bool) -> None:
    assert ROW.matches(*device) is fits


def test_a_row_without_globs_fits_every_device() -> None:
    row = Row(quirks=(Quirk.WATTS_ONLY,), sources=())
    assert row.matches("", "", "")
    assert row.matches("Any", "thing", "1")


def test_all_rows_that_fit_count() -> None:
    assert of_device(WALLBOX) == (
        Quirk.RELATIVE_PROFILES,
        Quirk.DEFAULT_SKIPS_RUNNING,
        Quirk.QUIET_UNTIL_BOOT,
    )


@pytest.mark.parametrize(
    ("device", "quirk"),
    [
        (boot("ABB", "CDT_TACW22::NET_WIFI", "TAC3Z::V1.8.21"), Quirk.STACK_LEVEL_ZERO),
        (boot("Wall Box Chargers", "PLP1-0-2-4", "5.17.87"), Quirk.STACK_LEVEL_ZERO),
        (boot("EN+", "37", "1.1.805"), Quirk.NO_PONGS),
        (boot("", "ACChargePoint"), Quirk.WATTS_ONLY),
        (boot("go-e", "go-eCharger_V4", "055.5"), Quirk.AMPERES_ONLY),
        (boot("Growatt", "THOR_11AS", "THOR_11AS-V5.2.4"), Quirk.MEASURANDS_UNTOUCHED),
        (
            boot("Phoenix Contact GmbH & Co. KG", "EV-CC-AC1-M3-CBC-RCM-ETH-3PN-SER", "1.9.0"),
            Quirk.DEFAULT_SKIPS_RUNNING,
        ),
    ],
)
def test_devices_as_they_were_seen_are_recognised(device: BootNotification, quirk: Quirk) -> None:
    assert quirk in of_device(device)


def test_a_device_that_nobody_has_complained_of_has_none() -> None:
    assert of_device(boot("Sane", "One", "1.0")) == ()
    assert of_device(None) == ()


def test_each_quirk_changes_settings_that_there_are_and_that_differ_from_the_default() -> None:
    names = set(StationSettings.__struct_fields__)
    assert set(EFFECTS) == set(Quirk)
    for quirk, effect in EFFECTS.items():
        assert effect.changes.keys() <= names, quirk
        for name, value in effect.changes.items():
            if quirk is not Quirk.AMPERES_ONLY:
                assert getattr(PLAIN, name) != value, quirk
        assert effect.items
        assert effect.says.endswith(".")


def test_each_row_says_where_it_is_from_and_agrees_with_itself() -> None:
    for row in TABLE:
        assert row.quirks
        assert row.sources
        assert all(
            re.fullmatch(r"[\w-]+/[\w.-]+(#\d+|:[\w./-]+)", source) for source in row.sources
        ), row
        assert clash(row.quirks) is None


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.vendor}/{row.model}/{row.firmware}")
def test_rows_that_fit_the_same_device_agree(row: Row) -> None:
    device = [glob.replace("*", "") for glob in (row.vendor, row.model, row.firmware)]
    assert row.matches(*device)
    assert clash(of_device(boot(*device))) is None


def test_two_quirks_that_want_different_things_clash() -> None:
    assert clash([Quirk.WATTS_ONLY, Quirk.STACK_LEVEL_ZERO]) is None
    assert clash([Quirk.WATTS_ONLY, Quirk.AMPERES_ONLY]) == (
        Quirk.WATTS_ONLY,
        Quirk.AMPERES_ONLY,
    )


# --- Precedence -----------------------------------------------------------------------------


def settings(**more: Any) -> StationSettings:
    return StationSettings(**more)


OLD_WALLBOX = boot("Wall Box Chargers", "PLP1-0-2-4", "5.17.87")


def test_without_a_quirk_the_settings_are_those_that_are_configured() -> None:
    configured = settings(stack_level=3)
    assert effective(configured, None) is configured
    assert effective(configured, boot("Sane")) is configured


def test_the_table_comes_before_the_built_in_default() -> None:
    found = effective(PLAIN, OLD_WALLBOX)
    assert found.stack_level == 0
    assert found.profile_kind is ProfileKind.RELATIVE
    assert found.quirks == ("relative_profiles", "default_skips_running", "stack_level_zero")


def test_named_quirks_take_the_place_of_the_table() -> None:
    found = effective(settings(named_quirks=("watts_only",)), OLD_WALLBOX)
    assert found.rate_unit is RateUnit.WATT
    assert found.stack_level is None
    assert found.quirks == ("watts_only",)


def test_an_empty_list_switches_the_table_off() -> None:
    configured = settings(named_quirks=())
    assert effective(configured, OLD_WALLBOX) is configured


def test_named_quirks_need_no_boot() -> None:
    assert effective(settings(named_quirks=("watts_only",)), None).quirks == ("watts_only",)


@pytest.mark.parametrize("named", [None, ("stack_level_zero", "watts_only")])
def test_what_the_configuration_says_comes_before_every_quirk(
    named: tuple[str, ...] | None,
) -> None:
    configured = settings(stack_level=7, explicit=frozenset({"stack_level"}), named_quirks=named)
    found = effective(configured, OLD_WALLBOX)
    assert found.stack_level == 7
    assert "stack_level_zero" not in found.quirks
    assert found.quirks


def test_also_where_it_says_the_built_in_default() -> None:
    configured = settings(
        explicit=frozenset({"stack_level", "profile_kind", "default_governs_running"})
    )
    assert effective(configured, OLD_WALLBOX) is configured
