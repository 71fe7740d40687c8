"""Between connecting and the first boot: charger-quirks 6, 7 and 8."""

from bridge.domain import station as rules
from bridge.domain import upkeep
from bridge.domain.calls import (
    CallResult,
    GetVariables,
    SetChargingProfile,
    StationRequest,
    TriggerMessage,
)
from bridge.domain.events import BootNotification, Connected, Heartbeat
from bridge.domain.readback import MOST_BOOTS
from bridge.domain.settings import StationSettings
from tests.records import replace
from tests.unit.domain.builders import CUT, KNOWN, REJECTED, Told, ready, refusal

ASKING = replace(KNOWN, automatic_calls=True)
QUIET = replace(KNOWN, automatic_calls=True, quiet_seconds=20.0)
BOOT = BootNotification(vendor_name="ACME", model="M", reason="PowerUp", firmware_version="1")
ANSWER = CallResult(accepted=True, status="")


def connect(told: Told, connection_id: str = "c1") -> None:
    told.tell(Connected(version="1.6", connection_id=connection_id, remote=""))


def connected(settings: StationSettings) -> Told:
    told = Told(settings, online=False)
    connect(told)
    return told


def asked(told: Told) -> list[type[StationRequest]]:
    return [type(call.request) for call in told.calls]


# --- 6: no BootNotification on reconnect ------------------------------------------------------


def test_item_6_a_station_of_which_nothing_is_known_is_asked_for_its_boot_after_5_s() -> None:
    told = connected(ASKING)
    told.tell(Heartbeat())  # asked what it can do, as ever
    told.answer(ANSWER)
    told.calls.clear()

    told.tick(2.9)
    assert told.calls == []
    told.tick(0.2)

    assert told.request == TriggerMessage(message="BootNotification")
    told.answer(REJECTED)
    told.tick(60.0)
    assert asked(told) == [TriggerMessage]


def test_item_6_the_wait_for_a_boot_is_a_deadline() -> None:
    told = connected(ASKING)
    told.tell(Heartbeat())
    told.answer(ANSWER)

    assert upkeep.next_deadline(told.station, told.now) == told.station.boot_due_at


def test_item_6_it_is_asked_once_however_often_it_connects() -> None:
    told = connected(ASKING)
    told.tick(6.0)
    assert TriggerMessage in asked(told)
    told.disconnect()
    connect(told, "c2")
    told.calls.clear()

    told.tick(6.0)

    assert TriggerMessage not in asked(told)


def test_item_6_a_boot_in_time_is_not_asked_for() -> None:
    told = connected(ASKING)
    told.tell(BOOT)
    told.tick(60.0)

    assert TriggerMessage not in asked(told)


def test_item_6_a_station_that_has_booted_before_needs_no_boot_on_reconnect() -> None:
    told = connected(ASKING)
    told.tell(BOOT)
    told.disconnect()
    connect(told, "c2")
    told.tick(60.0)

    assert TriggerMessage not in asked(told)


def test_item_6_it_can_be_switched_off() -> None:
    for settings in (replace(ASKING, trigger_boot=False), KNOWN):
        told = connected(settings)
        told.tick(60.0)
        assert TriggerMessage not in asked(told)


def test_item_6_after_a_restart_it_is_asked_again() -> None:
    told = connected(ASKING)
    told.tick(6.0)
    told.tell(rules.Restarted())
    connect(told, "c2")
    told.calls.clear()
    told.tick(6.0)

    assert TriggerMessage in asked(told)


# --- 7: nothing before the boot ---------------------------------------------------------------


def quiet() -> Told:
    """A station with one EVSE that is back and has not booted."""
    told = ready(QUIET, automatic_calls=False)
    told.settings = QUIET
    told.disconnect()
    connect(told, "c2")
    told.calls.clear()
    return told


def test_item_7_nothing_is_asked_before_the_boot() -> None:
    told = quiet()
    told.tell(Heartbeat())
    told.tick(10.0)
    assert told.calls == []

    told.tell(BOOT)

    assert asked(told) == [GetVariables]


def test_item_7_a_station_that_does_not_boot_is_asked_after_the_quiet() -> None:
    told = quiet()
    told.tick(20.5)
    told.tell(Heartbeat())

    assert GetVariables in asked(told)


def test_item_7_a_command_meanwhile_is_refused_with_the_reason() -> None:
    told = quiet()
    command_id = told.limit(10)

    status, code, message, _ = refusal(told, command_id)

    assert (status, code) == ("rejected", "station_offline")
    assert message.startswith("the station has just connected")
    assert told.calls == []


def test_item_7_a_command_that_can_wait_is_carried_out_after_the_boot() -> None:
    told = quiet()
    command_id = told.limit(10, defer=True)
    assert told.calls == []

    told.tell(BOOT)
    told.answer(ANSWER)

    assert isinstance(told.request, SetChargingProfile)
    told.answer()
    assert told.finals(command_id) == [("done", "ok")]


def test_item_7_other_stations_are_spoken_to_at_once() -> None:
    told = connected(ASKING)
    told.tell(Heartbeat())

    assert asked(told) == [GetVariables]


# --- 8: boots because it was asked ------------------------------------------------------------


def boot_again(told: Told, number: int, boot: BootNotification = BOOT) -> None:
    """The station falls over the question and boots."""
    told.answer(CUT)
    told.disconnect(f"c{number}")
    connect(told, f"c{number + 1}")
    told.calls.clear()
    told.tell(boot)


def test_item_8_a_station_that_boots_whenever_it_is_asked_is_left_alone() -> None:
    told = connected(ASKING)
    told.tell(BOOT)
    for number in range(1, MOST_BOOTS):
        boot_again(told, number)
        assert asked(told) == [GetVariables], number

    boot_again(told, MOST_BOOTS)
    told.tell(Heartbeat())
    told.tick(60.0)

    assert told.calls == []
    assert not told.station.recovering


def test_item_8_one_answer_and_all_is_well() -> None:
    told = connected(ASKING)
    told.tell(BOOT)
    for number in range(1, MOST_BOOTS):
        boot_again(told, number)
    told.answer(ANSWER)

    assert told.station.boots_when_asked == 0


def test_item_8_other_software_is_asked_anew() -> None:
    told = connected(ASKING)
    told.tell(BOOT)
    for number in range(1, MOST_BOOTS):
        boot_again(told, number)
    boot_again(told, MOST_BOOTS, replace(BOOT, firmware_version="2"))

    assert asked(told) == [GetVariables]


def test_item_8_a_boot_on_the_same_connection_counts_too() -> None:
    told = connected(ASKING)
    told.tell(BOOT)
    told.tell(BOOT)

    assert told.station.boots_when_asked == 1
