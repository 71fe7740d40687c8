"""What each setting that a quirk changes does to a station, by the numbers of charger-quirks.md."""

from datetime import timedelta

import pytest

from bridge.domain import quirks
from bridge.domain.calls import (
    GetCompositeSchedule,
    ProfilePurpose,
    RequestStartTransaction,
    SetChargingProfile,
    SetVariables,
    TriggerMessage,
    VariableName,
)
from bridge.domain.commands import Pause, Start, Trigger, WriteVariables
from bridge.domain.enums import ConnectorStatus, TriggerReason
from bridge.domain.events import IdToken, MeterValue
from bridge.domain.quirks import Quirk
from bridge.domain.settings import NumberPhases, ProfileKind, StationSettings
from tests.records import replace
from tests.unit.domain.builders import (
    KNOWN,
    REJECTED,
    Told,
    charging,
    ended,
    ready,
    refusal,
    updated,
    wh,
)

TOKEN = IdToken(value="ABCD", type="ISO14443")


def with_quirk(quirk: Quirk, base: StationSettings = KNOWN) -> StationSettings:
    return quirks.effective(replace(base, named_quirks=(quirk.value,)), None)


def profile(told: Told) -> SetChargingProfile:
    assert isinstance(told.request, SetChargingProfile)
    return told.request


# --- 9, 13: variables, triggers, status -------------------------------------------------------


def write(told: Told, variable: str) -> str:
    name = VariableName(component="ChargePoint", variable=variable)
    return told.command(WriteVariables(values=((name, "Voltage"),)), evse_id=0)


def test_item_9_a_protected_variable_is_not_written() -> None:
    told = ready(with_quirk(Quirk.MEASURANDS_UNTOUCHED))
    command_id = write(told, "metervaluessampleddata")

    status, code, message, details = refusal(told, command_id)

    assert (status, code) == ("rejected", "unsupported")
    assert message == (
        "metervaluessampleddata must not be written on this station (protected_variables)"
    )
    assert details == {"variables": ["metervaluessampleddata"]}
    assert told.calls == []


def test_item_9_other_variables_are() -> None:
    told = ready(with_quirk(Quirk.MEASURANDS_UNTOUCHED))
    write(told, "HeartbeatInterval")

    assert isinstance(told.request, SetVariables)


@pytest.mark.parametrize(("whole", "evse_id"), [(True, None), (False, 1)])
def test_item_13_a_message_is_asked_of_the_whole_station(whole: bool, evse_id: int | None) -> None:
    told = ready(trigger_station=whole)
    told.command(Trigger(message="StatusNotification"))

    assert told.request == TriggerMessage(message="StatusNotification", evse_id=evse_id)


def test_item_13_a_status_of_connector_0_is_that_of_the_only_evse() -> None:
    told = Told(with_quirk(Quirk.STATUS_BY_STATION))
    told.status(ConnectorStatus.OCCUPIED, evse_id=0, connector_id=0)

    assert told.evse().connectors[1].status is ConnectorStatus.OCCUPIED
    assert told.view.plugged


def test_item_13_but_not_where_there_are_several() -> None:
    told = ready(with_quirk(Quirk.STATUS_BY_STATION), evses=2)
    told.status(ConnectorStatus.OCCUPIED, evse_id=0, connector_id=0)

    assert told.evse(1).connectors[1].status is ConnectorStatus.AVAILABLE


def test_item_13_elsewhere_it_says_nothing_of_an_evse() -> None:
    told = Told()
    told.status(ConnectorStatus.UNAVAILABLE, evse_id=0, connector_id=0)

    assert told.station.evses == {}


# --- 14 to 20: charging profiles --------------------------------------------------------------


def test_item_14_no_profile_of_the_whole_station_is_sent_unless_it_is_configured() -> None:
    told = charging()
    told.applied(10)
    told.command(Pause(), evse_id=0)
    told.answer()
    purposes = {getattr(call.request, "purpose", None) for call in told.calls}
    assert purposes == {ProfilePurpose.TX}


def test_item_15_a_default_is_followed_by_a_profile_of_the_transaction() -> None:
    told = ready(with_quirk(Quirk.DEFAULT_SKIPS_RUNNING))
    told.applied(10)
    assert profile(told).purpose is ProfilePurpose.TX_DEFAULT

    told.status(ConnectorStatus.OCCUPIED)
    told.start()

    assert profile(told).purpose is ProfilePurpose.TX
    assert (profile(told).limit_a, profile(told).transaction_id) == (10.0, "T1")


def test_item_15_elsewhere_the_default_is_left_to_govern() -> None:
    told = ready()
    told.applied(10)
    told.calls.clear()
    told.start()

    assert told.calls == []


def test_item_15_a_refused_tx_profile_is_followed_by_a_default() -> None:
    told = charging()
    told.limit(10)
    assert profile(told).purpose is ProfilePurpose.TX
    told.answer(REJECTED)

    assert profile(told).purpose is ProfilePurpose.TX_DEFAULT


def test_item_16_the_stack_level_is_0() -> None:
    told = ready(with_quirk(Quirk.STACK_LEVEL_ZERO))
    told.station = replace(told.station, learnt=replace(told.station.learnt, max_stack_level=3))
    told.limit(10)

    assert profile(told).stack_level == 0


def test_item_16_elsewhere_it_is_the_highest_of_the_station() -> None:
    told = ready()
    told.station = replace(told.station, learnt=replace(told.station.learnt, max_stack_level=3))
    told.limit(10)

    assert profile(told).stack_level == 3


def test_item_17_profiles_are_relative() -> None:
    told = ready(with_quirk(Quirk.RELATIVE_PROFILES))
    told.limit(10)

    assert profile(told).kind is ProfileKind.RELATIVE


def test_item_17_elsewhere_they_begin_a_minute_ago() -> None:
    told = ready()
    told.limit(10)

    assert profile(told).kind is ProfileKind.ABSOLUTE
    assert profile(told).start_at == told.now - timedelta(minutes=1)


def test_item_18_limits_are_sent_in_watts() -> None:
    told = ready(with_quirk(Quirk.WATTS_ONLY))
    told.limit(10)

    assert profile(told).limit_w == 6900.0


def test_item_18_limits_are_sent_in_amperes_whatever_the_station_says() -> None:
    told = ready(with_quirk(Quirk.AMPERES_ONLY))
    told.station = replace(told.station, learnt=replace(told.station.learnt, rate_units=("W",)))
    told.limit(10)

    assert (profile(told).limit_a, profile(told).limit_w) == (10.0, None)


@pytest.mark.parametrize(
    ("quirk", "wanted_a", "sent_a"),
    [
        (Quirk.STEPPED_LIMITS, 16, 16.0),
        (Quirk.STEPPED_LIMITS, 15.9, 13.0),
        (Quirk.STEPPED_LIMITS, 7, 6.0),
        (Quirk.STEPPED_LIMITS, 32, 16.0),
        (Quirk.STEPPED_LIMITS, 0, 0.0),
        (Quirk.WHOLE_AMPERES, 9.9, 9.0),
        (Quirk.WHOLE_AMPERES, 32, 32.0),
    ],
)
def test_item_18_limits_are_rounded_down_to_what_the_station_takes(
    quirk: Quirk, wanted_a: float, sent_a: float
) -> None:
    told = ready(with_quirk(quirk))
    command_id = told.applied(wanted_a)

    assert profile(told).limit_a == sent_a
    assert told.allocation.offered_a == sent_a
    data = told.result(command_id).data
    assert data is not None
    assert (data["requestedA"], data["appliedA"]) == (wanted_a, sent_a)


def test_item_18_none_of_its_values_is_above_the_minimum_then_it_is_paused() -> None:
    told = ready(limit_values_a=(6.0, 16.0), minimum_a=8.0)
    told.limit(10)

    assert profile(told).limit_a == 0.0


def test_item_18_the_profile_below_is_rounded_too() -> None:
    told = ready(limit_values_a=(6.0, 8.0), fallback_a=7.5, stack_level=2)
    told.applied(8)

    below = [
        call.request.limit_a
        for call in told.calls
        if isinstance(call.request, SetChargingProfile) and call.request.stack_level == 0
    ]
    assert below == [6.0]


def test_item_19_the_composite_schedule_is_not_asked() -> None:
    asking = replace(KNOWN, automatic_calls=True, trigger_boot=False)
    for settings, asks in (
        (asking, True),
        (with_quirk(Quirk.NO_COMPOSITE_SCHEDULE, asking), False),
    ):
        told = charging(settings)
        told.station = replace(told.station, readback=None, questions=())
        told.applied(10)
        sent = [type(call.request) for call in told.calls]
        assert (GetCompositeSchedule in sent) is asks


@pytest.mark.parametrize(
    ("number_phases", "sent"),
    [(NumberPhases.ALWAYS, 3), (NumberPhases.AUTO, None), (NumberPhases.NEVER, None)],
)
def test_item_20_number_phases_is_sent_where_it_is_needed(
    number_phases: NumberPhases, sent: int | None
) -> None:
    told = ready(number_phases=number_phases)
    told.limit(10)

    assert profile(told).number_phases == sent


def test_item_20_where_it_is_refused_phases_are_not_switched() -> None:
    told = ready(with_quirk(Quirk.NUMBER_PHASES_REFUSED), phase_switching=True)
    command_id = told.limit(10, phases=1)

    status, code, message, _ = refusal(told, command_id)

    assert (status, code) == ("rejected", "phase_switch_blocked")
    assert "number_phases = never" in message


# --- 22: the register -------------------------------------------------------------------------


def register(told: Told, seq_no: int, value: float, context: str = "Sample.Periodic") -> None:
    at = told.now
    told.tell(
        updated(
            seq_no,
            at,
            trigger_reason=TriggerReason.METER_VALUE_PERIODIC,
            meter_values=(wh(value, at, context),),
        )
    )


def begun(value: float, settings: StationSettings) -> Told:
    told = ready(settings)
    told.start(meter_values=(wh(value, told.now, "Transaction.Begin"),))
    return told


def ending(told: Told, value: float) -> tuple[MeterValue, ...]:
    return (wh(value, told.now, "Transaction.End"),)


@pytest.mark.parametrize("start_wh", [1_000_000.0, 600.0, 0.0])
def test_item_22_a_register_of_the_session_counts_from_its_beginning(start_wh: float) -> None:
    told = begun(start_wh, with_quirk(Quirk.SESSION_REGISTER))
    for seq_no, value in enumerate((0.0, 400.0, 900.0), start=1):
        register(told, seq_no, value)
        assert told.transaction.energy_wh == value
    told.end(seq_no=4, meter_values=ending(told, start_wh + 1000.0))

    assert told.transaction.energy_wh == 1000.0
    assert told.transaction.meter_last_wh == start_wh + 1000.0
    assert not told.transaction.meter_reset


def test_item_22_a_register_of_the_meter_is_left_as_it_is() -> None:
    told = begun(1_000_000.0, with_quirk(Quirk.SESSION_REGISTER))
    register(told, 1, 1_000_400.0)
    told.end(seq_no=2, meter_values=ending(told, 1_001_000.0))

    assert told.transaction.energy_wh == 1000.0
    meter = told.evse().meter
    assert meter is not None
    assert meter.energy_wh == 1_001_000.0


def test_item_22_a_beginning_at_0_needs_no_quirk() -> None:
    told = begun(0.0, KNOWN)
    register(told, 1, 400.0)
    told.end(seq_no=2, meter_values=ending(told, 1000.0))

    assert told.transaction.energy_wh == 1000.0


# --- 30: a start after an end -----------------------------------------------------------------


def test_item_30_a_start_soon_after_an_end_waits() -> None:
    told = charging(with_quirk(Quirk.PAUSE_BEFORE_START))
    told.end()
    ended_at = told.transaction.ended_at
    assert ended_at is not None
    told.command(Start(id_token=TOKEN))

    assert isinstance(told.request, RequestStartTransaction)
    assert told.calls[-1].not_before == ended_at + timedelta(seconds=10)


def test_item_30_a_later_start_does_not_wait() -> None:
    told = charging(with_quirk(Quirk.PAUSE_BEFORE_START))
    told.end()
    told.tick(11)
    told.command(Start(id_token=TOKEN), evse_id=0)

    assert told.calls[-1].not_before is None


def test_item_30_the_wait_is_no_longer_where_the_station_is_ahead_of_time() -> None:
    told = charging(with_quirk(Quirk.PAUSE_BEFORE_START))
    ahead = told.now + timedelta(hours=2)
    told.tell(ended(1, ahead))
    told.command(Start(id_token=TOKEN))

    assert told.calls[-1].not_before == told.now + timedelta(seconds=10)


def test_item_30_without_the_quirk_it_goes_out_at_once() -> None:
    told = charging()
    told.end()
    told.command(Start(id_token=TOKEN))

    assert told.calls[-1].not_before is None
