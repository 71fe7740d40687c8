"""What stations say in OCPP 2.1 beside what they say in 2.0.1."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.domain import events
from bridge.domain.enums import ConnectorStatus, EventType, StoppedReason, TriggerReason
from bridge.domain.events import MeterValue, SampledValue, TransactionLimit
from bridge.domain.schedule import UNLIMITED, Period
from bridge.ocpp.actions import Reading, Translator
from bridge.ocpp.frames import Call, Unreadable
from bridge.ocpp.v21.version import V21

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
TIME = "2026-11-21T08:00:00Z"
TRANSLATOR = Translator(V21)
COST: dict[str, Any] = {
    "totalCost": {"currency": "EUR", "typeOfCost": "NormalCost", "total": {"inclTax": 3.21}},
    "totalUsage": {"energy": 8.5, "chargingTime": 3600, "idleTime": 0},
}


def read(action: str, payload: dict[str, Any]) -> Any:
    reading = TRANSLATOR.read(Call("a", action, payload))
    return reading.message if isinstance(reading, Reading) else reading


def event(info: dict[str, Any] | None = None, **changes: Any) -> Any:
    return read(
        "TransactionEvent",
        {
            "eventType": "Updated",
            "timestamp": TIME,
            "triggerReason": "RunningCost",
            "seqNo": 3,
            "transactionInfo": {"transactionId": "T1", **(info or {})},
            **changes,
        },
    )


class TestTransactionEvent:
    def test_the_least(self) -> None:
        assert event() == events.TransactionEvent(
            event_type=EventType.UPDATED,
            timestamp=AT,
            trigger_reason=TriggerReason.RUNNING_COST,
            seq_no=3,
            transaction_id="T1",
        )

    def test_everything_that_is_new(self) -> None:
        message = event(
            {
                "operationMode": "CentralSetpoint",
                "tariffId": "T" * 60,
                "transactionLimit": {
                    "maxCost": 20,
                    "maxEnergy": 15000.5,
                    "maxTime": 7200,
                    "maxSoC": 80,
                },
            },
            costDetails=COST,
            preconditioningStatus="Ready",
            evseSleep=True,
        )
        assert message == events.TransactionEvent(
            event_type=EventType.UPDATED,
            timestamp=AT,
            trigger_reason=TriggerReason.RUNNING_COST,
            seq_no=3,
            transaction_id="T1",
            operation_mode="CentralSetpoint",
            tariff_id="T" * 60,
            transaction_limit=TransactionLimit(
                max_cost=20.0, max_energy_wh=15000.5, max_seconds=7200, max_soc_percent=80
            ),
            cost_details=COST,
            preconditioning_status="Ready",
            evse_sleep=True,
        )

    def test_a_single_limit(self) -> None:
        message = event({"transactionLimit": {"maxEnergy": 5000}})
        assert message.transaction_limit == TransactionLimit(max_energy_wh=5000.0)

    def test_texts_are_kept_within_bounds(self) -> None:
        message = event({"tariffId": "t" * 999, "operationMode": "m" * 999})
        assert (message.tariff_id, message.operation_mode) == ("t" * 60, "m" * 50)

    @pytest.mark.parametrize("trigger", list(TriggerReason))
    def test_all_triggers(self, trigger: TriggerReason) -> None:
        assert event(triggerReason=trigger.value).trigger_reason is trigger

    @pytest.mark.parametrize(
        ("sent", "read_as"),
        [
            *[(reason.value, reason) for reason in StoppedReason],
            ("ReqEnergyTransferRejected", StoppedReason.OTHER),
        ],
    )
    def test_stop_reasons(self, sent: str, read_as: StoppedReason) -> None:
        assert event({"stoppedReason": sent}).stopped_reason is read_as

    @pytest.mark.parametrize(
        ("limit", "description"),
        [
            ({"maxEnergy": 1e16}, "/transactionInfo/transactionLimit/maxEnergy: out of range"),
            ({"maxTime": 2**60}, "/transactionInfo/transactionLimit/maxTime: out of range"),
        ],
    )
    def test_a_limit_beyond_all_bounds(self, limit: dict[str, Any], description: str) -> None:
        refused = event({"transactionLimit": limit})
        assert isinstance(refused, Unreadable)
        assert refused.description == description


@pytest.mark.parametrize(
    ("measurand", "value", "unit", "expected"),
    [
        ("Power.Active.Setpoint", 7, "kW", (7000.0, "W")),
        ("Power.Active.Setpoint", -3500, None, (-3500.0, "W")),
        ("Current.Import.Offered", 16, None, (16.0, "A")),
        ("Display.PresentSOC", 55, None, (55.0, "%")),
        ("Display.RemainingTimeToTargetSOC", 1800, None, (1800.0, "s")),
        ("Display.ChargingComplete", 1, None, (1.0, None)),
        ("EnergyRequest.Target", 20, "kWh", (20_000.0, "Wh")),
        ("Voltage.Maximum", 253, None, (253.0, "V")),
        ("Frequency", 49_998, "mHz", (49.998, "Hz")),
        ("Power.Of.Tomorrow", 5, "kW", (5000.0, "W")),
        ("Colour", 7, "nm", (7.0, "nm")),
    ],
)
def test_measurands_and_units(
    measurand: str, value: float, unit: str | None, expected: tuple[float, str | None]
) -> None:
    given = {} if unit is None else {"unitOfMeasure": {"unit": unit}}
    sampled = {"value": value, "measurand": measurand, "location": "Upstream", **given}
    message = event(meterValue=[{"timestamp": TIME, "sampledValue": [sampled]}])
    read_as = SampledValue(measurand, *expected, location="Upstream")
    assert message.meter_values == (MeterValue(timestamp=AT, sampled_values=(read_as,)),)


class TestPeriods:
    @pytest.mark.parametrize(
        ("unit", "given", "limit"),
        [
            ("A", {"limit": 16}, 16.0),
            ("A", {"limit": 16, "limit_L2": 10, "limit_L3": 12}, 10.0),
            ("W", {"limit": 3000, "limit_L2": 2000, "limit_L3": 1000}, 6000.0),
            ("W", {"setpoint": 4000}, 4000.0),
            ("W", {"setpoint": -4000, "limit": 11_000}, 11_000.0),
            ("W", {"setpoint": -4000}, 0.0),
            ("W", {}, UNLIMITED),
        ],
    )
    def test_what_a_period_allows(self, unit: str, given: dict[str, Any], limit: float) -> None:
        assert period(unit, **given).limit == limit

    def test_what_else_a_period_says(self) -> None:
        assert period(
            "W",
            limit=11_000,
            setpoint=5000,
            dischargeLimit=-5000,
            operationMode="CentralSetpoint",
            numberPhases=3,
        ) == Period(
            start_seconds=0,
            limit=11_000.0,
            number_phases=3,
            setpoint=5000.0,
            discharge_limit=-5000.0,
            operation_mode="CentralSetpoint",
        )

    def test_a_limit_of_a_single_phase_beyond_all_bounds(self) -> None:
        refused = limited("W", limit=1, limit_L2=10**400)
        assert isinstance(refused, Unreadable)
        assert refused.description == (
            "/chargingSchedule/0/chargingSchedulePeriod/0/limit_L2: out of range"
        )


def limited(unit: str, **period: Any) -> Any:
    schedule = {
        "id": 1,
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": 0, **period}],
    }
    payload = {"chargingLimit": {"chargingLimitSource": "EMS"}, "chargingSchedule": [schedule]}
    return read("NotifyChargingLimit", payload)


def period(unit: str, **given: Any) -> Period:
    message = limited(unit, **given)
    assert isinstance(message, events.NotifyChargingLimit), message
    (schedule,) = message.schedules
    (only,) = schedule.periods
    return only


def changed(
    variable: str, value: str, component: str = "Connector", evse: Any = None
) -> dict[str, Any]:
    """Return one event of a NotifyEvent; without `evse` that of EVSE 1, connector 2."""
    place = {"evse": {"id": 1, "connectorId": 2} if evse is None else evse}
    return {
        "eventId": 1,
        "timestamp": TIME,
        "trigger": "Delta",
        "actualValue": value,
        "eventNotificationType": "HardWiredNotification",
        "component": {"name": component, **(place if evse != {} else {})},
        "variable": {"name": variable},
    }


def notify(*items: dict[str, Any]) -> Any:
    return read("NotifyEvent", {"generatedAt": TIME, "seqNo": 0, "eventData": list(items)})


def status(evse_id: int, connector_id: int, connector: ConnectorStatus) -> Any:
    return events.StatusNotification(
        timestamp=AT, evse_id=evse_id, connector_id=connector_id, status=connector
    )


class TestNotifyEvent:
    @pytest.mark.parametrize("state", list(ConnectorStatus))
    def test_the_state_of_a_connector_is_its_status(self, state: ConnectorStatus) -> None:
        message = notify(changed("AvailabilityState", state.value))
        assert message == events.NotifyEvent(statuses=(status(1, 2, state),))

    def test_the_state_of_an_evse_is_that_of_connector_0(self) -> None:
        message = notify(changed("AvailabilityState", "Occupied", "EVSE", {"id": 3}))
        assert message.statuses == (status(3, 0, ConnectorStatus.OCCUPIED),)

    def test_several_states_keep_their_order_and_lose_their_neighbours(self) -> None:
        message = notify(
            changed("AvailabilityState", "Occupied"),
            changed("Temperature", "21"),
            changed("availabilitystate", "faulted", "evse", {"id": 2}),
        )
        assert message.statuses == (
            status(1, 2, ConnectorStatus.OCCUPIED),
            status(2, 0, ConnectorStatus.FAULTED),
        )

    @pytest.mark.parametrize(
        "item",
        [
            changed("Problem", "true"),
            changed("AvailabilityState", "Dreaming"),
            changed("AvailabilityState", "Available", "ChargingStation", {}),
            changed("AvailabilityState", "Available", "Connector", {}),
            changed("AvailabilityState", "Available", "FiscalMetering"),
        ],
    )
    def test_what_tells_of_no_connector_is_only_acknowledged(self, item: dict[str, Any]) -> None:
        assert notify(item) == events.Notice(action="NotifyEvent")

    def test_a_state_without_a_time_has_no_meaning(self) -> None:
        refused = notify(
            changed("Problem", "true"),
            changed("AvailabilityState", "Occupied") | {"timestamp": "now"},
        )
        assert isinstance(refused, Unreadable)
        assert refused.description == "/eventData/1/timestamp: not a date and a time"
