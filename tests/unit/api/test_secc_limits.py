"""The limits of a charge controller's API: how writes are read, what is shown, what they lead to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.api.secc_limits import (
    DEFAULT_TIMEOUT_MS,
    NOTHING_SET,
    Remembered,
    SeccLimits,
    Write,
    WriteError,
    commands_for,
    limits_document,
    limits_in_force,
    limits_of,
    merged,
    read_body,
    read_command,
    written,
)
from bridge.domain.commands import Arguments, Pause, Release, Resume, SetLimit, SetPhases
from bridge.domain.control import PhaseClaim, Slot
from bridge.domain.enums import AllocationSource
from bridge.domain.model import Evse
from bridge.domain.settings import StationSettings

NOW = datetime(2026, 1, 10, 10, tzinfo=UTC)
SETTINGS = StationSettings(installation_max_a=32.0)


def slot(amps: float | None = None, controller: str = "me", **more: Any) -> Slot:
    values = {"source": AllocationSource.API, "priority": 100, "since": NOW, **more}
    return Slot(controller=controller, limit_a=amps, **values)


def lease(amps: float | None = None, seconds: int = 300, **more: Any) -> Slot:
    return slot(amps, expires_at=NOW + timedelta(seconds=seconds), **more)


def evse(*slots: Slot, **more: Any) -> Evse:
    return Evse(id=1, slots=slots, **more)


# --- Reading


@pytest.mark.parametrize(
    ("body", "write"),
    [
        (b'{"amperageLimit": 8.5}', {"amps": 8.5}),
        (b'{"setAmperageLimit": 8}', {"amps": 8.0}),
        (b'{"amperageLimit": NaN, "powerLimit": null}', {"amps": None, "watts": None}),
        (b'{"setAmperageLimit": "NaN"}', {"amps": None}),
        (b'{"sePowerLimit": 4140}', {"watts": 4140.0}),
        (b'{"setPowerLimit": 4140}', {"watts": 4140.0}),
        (b'{"timeout": 60000, "enabled": true}', {"timeout_ms": 60_000, "enabled": True}),
        (b'{"setTimeout": null}', {"timeout_ms": DEFAULT_TIMEOUT_MS}),
        (b'{"setOnePhaseLimit": true, "setPhaseRotation": false}',
         {"one_phase": True, "rotated": False}),
        (b'{"enabled": false, "somethingNew": [1]}', {"enabled": False}),
        (b'{"amperageLimit": "8.5"}', {"amps": 8.5}),
    ],
    ids=str,
)  # fmt: skip
def test_a_body(body: bytes, write: Write) -> None:
    assert read_body(body) == write


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is no JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"[]", "the body must be a JSON object"),
        (b'{"amperageLimit": -1}', "amperageLimit must be from 0 to 1000, or null (NaN) to give"),
        (b'{"amperageLimit": Infinity}', "amperageLimit must be from 0 to 1000"),
        (b'{"amperageLimit": "x"}', "amperageLimit must be a number"),
        (b'{"amperageLimit": true}', "amperageLimit must be a number"),
        (b'{"powerLimit": [1]}', "powerLimit must be a number"),
        (b'{"powerLimit": 1e999}', "powerLimit must be from 0 to 1e+06"),
        (b'{"timeout": 0}', "timeout must be from 1 to 31536000000 ms"),
        (b'{"timeout": NaN, "enabled": 1}', "enabled must be true or false"),
        (b'{"setOnePhaseLimit": 2}', "setOnePhaseLimit must be true (one phase) or false"),
        (b'{"amperagelimit": 8}', "nothing to set (known: amperageLimit, enabled, "),
        (b"[" * 100_000, "the body is no JSON: maximum recursion depth"),
    ],
)
def test_a_body_that_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(WriteError) as refused:
        read_body(body)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "write"),
    [
        ("setEnabled\ntrue", {"enabled": True}),
        ("setEnabled\nfalse", {"enabled": False}),
        ("setCurrentLimit\n8.5", {"amps": 8.5}),
        ("setCurrentLimit\n8.5000000000", {"amps": 8.5}),
        ("setCurrentLimit\nNaN", {"amps": None}),
        ("setPowerLimit\n10000", {"watts": 10_000.0}),
        ("setTimeout\n10000", {"timeout_ms": 10_000}),
        ("set1p3p\ntrue", {"one_phase": True}),
        ("set1p3p\n1", {"one_phase": True}),  # evcc up to 2024
        ("set1p3p\n3", {"one_phase": False}),
        ("setOnePhaseLimitActive\ntrue", {"one_phase": True}),
        ("setPhaseRotation\r\nFALSE\r\n", {"rotated": False}),
    ],
)
def test_a_command(text: str, write: Write) -> None:
    assert read_command(text) == write


@pytest.mark.parametrize(
    "text", ["", "hello", "reboot\ntrue", "setEnabled", "setEnabled\n1", "setCurrentLimit\nten"]
)
def test_a_command_that_is_none(text: str) -> None:
    with pytest.raises(WriteError):
        read_command(text)


def test_of_two_writes_the_later_one_counts() -> None:
    assert merged({"amps": 8.0, "enabled": True}, {"amps": None, "timeout_ms": 1}) == {
        "amps": None,
        "enabled": True,
        "timeout_ms": 1,
    }


# --- What is set


@pytest.mark.parametrize(
    ("slots", "set_before", "shown"),
    [
        ([], None, NOTHING_SET),
        ([lease(10.0)], None, SeccLimits(amps=10.0, enabled=True)),
        ([lease(10.0, seconds=60)], None, SeccLimits(amps=10.0, enabled=True, timeout_ms=60_000)),
        ([slot(10.0)], None, SeccLimits(amps=10.0, enabled=True)),
        ([lease(10.0, controller="you")], None, NOTHING_SET),
        ([slot(10.0, source=AllocationSource.MQTT)], None, NOTHING_SET),
        ([lease(10.0, seconds=0)], None, NOTHING_SET),
        # what is remembered does not count unless the EVSE has it
        ([], SeccLimits(amps=9.0), SeccLimits(amps=9.0)),
        ([], SeccLimits(amps=9.0, enabled=True), SeccLimits(amps=9.0)),
        ([], SeccLimits(enabled=True), SeccLimits(enabled=True)),
        ([lease(8.0)], SeccLimits(amps=9.0, enabled=True), SeccLimits(amps=8.0, enabled=True)),
        # a lease of 1.5 s is one of 2 s with us
        ([lease(8.0, seconds=2)], SeccLimits(amps=8.0, enabled=True, timeout_ms=1500),
         SeccLimits(amps=8.0, enabled=True, timeout_ms=1500)),
        # paused
        ([lease(pause=True)], None, NOTHING_SET),
        ([lease(8.0), lease(pause=True)], None, SeccLimits(amps=8.0)),
        ([lease(8.0), lease(pause=True)], SeccLimits(amps=9.0), SeccLimits(amps=9.0)),
    ],
)  # fmt: skip
def test_what_a_client_has_set(
    slots: list[Slot], set_before: SeccLimits | None, shown: SeccLimits
) -> None:
    remembered = None if set_before is None else Remembered.at(NOW, set_before)
    assert limits_of(evse(*slots), "me", remembered, NOW) == shown


def test_what_is_remembered_ends_with_the_time_out() -> None:
    remembered = Remembered.at(NOW, SeccLimits(amps=9.0, timeout_ms=1500))
    just_before = NOW + timedelta(milliseconds=1499)
    assert limits_of(evse(), "me", remembered, just_before).amps == 9.0
    assert limits_of(evse(), "me", remembered, NOW + timedelta(milliseconds=1500)) == NOTHING_SET


@pytest.mark.parametrize(
    ("others", "shown"),
    [
        ([], NOTHING_SET),
        ([slot(10.0, source=AllocationSource.MQTT)], NOTHING_SET),
        ([slot(10.0, "a"), slot(9.0, "b", priority=50)], SeccLimits(amps=10.0, enabled=True)),
        ([slot(10.0, "a"), slot(9.0, "b")], SeccLimits(amps=9.0, enabled=True)),
        ([slot(limit_w=1000.0, controller="a")], SeccLimits(watts=1000.0, enabled=True)),
        ([slot(pause=True, controller="a")], SeccLimits(amps=0.0, enabled=True)),
    ],
)
def test_the_limits_that_count(others: list[Slot], shown: SeccLimits) -> None:
    assert limits_in_force(evse(*others, slot(1.0, "late", expires_at=NOW)), NOW) == shown


def test_the_document() -> None:
    assert limits_document(NOTHING_SET) == {
        "amperageLimit": None,
        "powerLimit": None,
        "timeout": 300_000,
        "enabled": False,
    }
    assert limits_document(SeccLimits(amps=8.5, watts=4140.4, timeout_ms=1, enabled=True)) == {
        "amperageLimit": 8.5,
        "powerLimit": 4140,
        "timeout": 1,
        "enabled": True,
    }


# --- What a write leads to


@pytest.mark.parametrize(
    ("write", "amps"),
    [
        ({"amps": 8.5}, 8.5),
        ({"amps": 6.0}, 6.0),
        ({"amps": 5.9}, 0.0),
        ({"amps": 32.1}, 32.0),
        ({"amps": None}, None),
        ({"watts": 1.0}, 20.0),
    ],
)
def test_below_six_is_nothing_and_above_the_installation_is_clipped(
    write: Write, amps: float | None
) -> None:
    assert written(SeccLimits(amps=20.0), write, SETTINGS).amps == amps


def test_direct_current_has_no_minimum() -> None:
    settings = StationSettings(installation_max_a=32.0, minimum_a=0.0)
    assert written(NOTHING_SET, {"amps": 2.0}, settings).amps == 2.0


def limited(amps: float | None = None, watts: float | None = None) -> SetLimit:
    return SetLimit(limit_a=amps, limit_w=watts, ttl_seconds=300)


def given(
    present: Evse, remembered: SeccLimits, write: Write, *, disabled_pauses: bool = False
) -> list[Arguments]:
    before = limits_of(present, "me", Remembered.at(NOW, remembered), NOW)
    after = written(before, write, SETTINGS)
    return list(
        commands_for(present, "me", write, after, now=NOW, disabled_pauses=disabled_pauses)
    )


ON = SeccLimits(amps=10.0, enabled=True)
OFF = SeccLimits(amps=10.0)
HELD = evse(lease(10.0))
PAUSED = evse(lease(pause=True))
BOTH = evse(lease(10.0), lease(pause=True))


@pytest.mark.parametrize(
    ("present", "remembered", "write", "commands"),
    [
        (evse(), NOTHING_SET, {"amps": 10.0}, []),
        (evse(), NOTHING_SET, {"enabled": True}, []),
        (evse(), NOTHING_SET, {"enabled": False}, []),
        (evse(), NOTHING_SET, {"amps": 10.0, "enabled": True}, [limited(10.0)]),
        (evse(), OFF, {"enabled": True}, [limited(10.0)]),
        (evse(), OFF, {"watts": 7.0}, []),
        (HELD, ON, {"enabled": True}, [limited(10.0)]),  # a heartbeat
        (HELD, ON, {"watts": 4140.0}, [limited(10.0, 4140.0)]),
        (HELD, ON, {"watts": 4140.0, "amps": None}, [limited(None, 4140.0)]),
        (HELD, ON, {"amps": None}, [Release(keep_phases=True)]),
        (HELD, ON, {"enabled": False}, [Release(keep_phases=True)]),
        (PAUSED, NOTHING_SET, {"enabled": False}, [Release(keep_phases=True)]),
        (BOTH, ON, {"enabled": True}, [limited(10.0), Resume()]),
    ],
)
def test_disabled_limits_do_not_count(
    present: Evse, remembered: SeccLimits, write: Write, commands: list[Arguments]
) -> None:
    assert given(present, remembered, write) == commands


@pytest.mark.parametrize(
    ("present", "remembered", "write", "commands"),
    [
        (evse(), NOTHING_SET, {"enabled": False}, [Pause(ttl_seconds=300)]),
        (evse(), NOTHING_SET, {"amps": 10.0}, []),
        (PAUSED, NOTHING_SET, {"amps": 10.0}, [Pause(ttl_seconds=300)]),
        (evse(), NOTHING_SET, {"amps": None, "enabled": False}, []),
        (HELD, ON, {"enabled": False}, [Pause(ttl_seconds=300)]),
        (PAUSED, OFF, {"enabled": False}, [Pause(ttl_seconds=300)]),
        (PAUSED, OFF, {"enabled": True}, [limited(10.0), Resume()]),
        (PAUSED, NOTHING_SET, {"enabled": True}, [Release(keep_phases=True)]),
        (BOTH, OFF, {"amps": None, "enabled": False}, [Release(keep_phases=True)]),
    ],
)
def test_disabled_can_mean_paused(
    present: Evse, remembered: SeccLimits, write: Write, commands: list[Arguments]
) -> None:
    assert given(present, remembered, write, disabled_pauses=True) == commands


def test_one_phase_is_a_lease_of_its_own_that_every_write_renews() -> None:
    one, none = SetPhases(phases=1, ttl_seconds=300), SetPhases(phases=None)
    claim = PhaseClaim(
        controller="me",
        source=AllocationSource.API,
        priority=100,
        phases=1,
        since=NOW,
        expires_at=NOW + timedelta(seconds=300),
    )
    held = evse(lease(10.0), phase_claims=(claim,))
    assert given(evse(), NOTHING_SET, {"one_phase": True}) == [one]
    assert given(evse(), NOTHING_SET, {"one_phase": False}) == [none]
    assert given(held, ON, {"enabled": False}) == [Release(keep_phases=True), one]
    assert given(held, ON, {"one_phase": False}) == [limited(10.0), none]
