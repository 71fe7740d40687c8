"""What one version of OCPP tells and the others do not: carried through under `ocpp`."""

from typing import Any

import pytest

from bridge.domain.enums import ChargePointStatus
from tests.mapping.charger import VERSIONS_2, Charger2, Charger16

NOTHING: dict[str, Any] = {
    "operationMode": None,
    "preconditioningStatus": None,
    "evseSleep": None,
    "tariffId": None,
    "transactionLimit": None,
    "costDetails": None,
}
COST: dict[str, Any] = {
    "totalCost": {
        "currency": "EUR",
        "typeOfCost": "NormalCost",
        "total": {"exclTax": 1.5, "inclTax": 1.79},
    },
    "totalUsage": {"energy": 5.0, "chargingTime": 60, "idleTime": 0},
}


@pytest.mark.parametrize(
    ("info", "more", "told"),
    [
        ({"operationMode": "CentralSetpoint"}, {}, {"operationMode": "CentralSetpoint"}),
        ({"tariffId": "T-1"}, {}, {"tariffId": "T-1"}),
        (
            {"transactionLimit": {"maxEnergy": 5000, "maxTime": 60, "maxSoC": 80, "maxCost": 9.5}},
            {},
            {
                "transactionLimit": {
                    "maxCost": 9.5,
                    "maxEnergyWh": 5000.0,
                    "maxTimeSeconds": 60,
                    "maxSocPercent": 80,
                }
            },
        ),
        ({}, {"costDetails": COST}, {"costDetails": COST}),
        ({}, {"preconditioningStatus": "Ready"}, {"preconditioningStatus": "Ready"}),
        ({}, {"evseSleep": False}, {"evseSleep": False}),
    ],
)
def test_what_2_1_tells_of_a_transaction_is_in_its_event(
    info: dict[str, Any], more: dict[str, Any], told: dict[str, Any]
) -> None:
    charger = Charger2("2.1")
    charger.charge()
    charger.event("Updated", "ChargingRateChanged", info, **more)
    charger.event("Updated", "MeterValuePeriodic")
    *_, event, after = charger.published("transaction")
    assert event["ocpp"] == NOTHING | told
    assert event["warnings"] == []
    assert after["ocpp"] is None


def test_2_0_1_has_none_of_it() -> None:
    charger = Charger2("2.0.1")
    charger.charge()
    charger.event("Updated", "ChargingRateChanged", {"operationMode": "Idle"}, evseSleep=True)
    event = charger.published("transaction")[-1]
    assert event["ocpp"] is None
    assert event["warnings"] == ["property_unknown:transactionInfo", "property_unknown"]


def test_a_transaction_that_goes_on_after_a_restart_is_the_same_one() -> None:
    charger = Charger2("2.1")
    charger.charge()
    sample = {
        "value": 1000,
        "context": "Transaction.Begin",
        "measurand": "Energy.Active.Import.Register",
        "unitOfMeasure": {"unit": "Wh"},
    }
    values = [{"timestamp": charger.time, "sampledValue": [sample]}]
    charger.event("Updated", "MeterValuePeriodic", meterValue=values)
    before = charger.transaction
    assert before["resumed"] is False
    station = {"model": "M", "vendorName": "V"}
    charger.send("BootNotification", {"reason": "PowerUp", "chargingStation": station})

    charger.event("Updated", "TxResumed")
    charger.event("Updated", "MeterValuePeriodic")

    resumed, later = charger.published("transaction")[-2:]
    assert resumed["triggerReason"] == "TxResumed"
    assert resumed["transaction"]["resumed"] is later["transaction"]["resumed"] is True
    after = charger.transaction
    assert after["resumed"] is True
    for kept in ("transactionUuid", "meterStartWh", "startedAt", "startReason", "active"):
        assert after[kept] == before[kept], kept


@pytest.mark.parametrize("status", ChargePointStatus)
def test_the_word_of_1_6_is_in_status_and_state(status: ChargePointStatus) -> None:
    charger = Charger16()
    charger.status("Faulted" if status == "Available" else "Available")
    charger.status(status)
    assert charger.published("status")[-1]["ocpp"] == {"status": status}
    assert charger.state["ocpp"]["status"] == status


def test_the_word_of_1_6_moves_the_state_where_2_x_has_one_word_for_both() -> None:
    charger = Charger16()
    charger.charge()
    assert charger.state["ocpp"]["status"] == "Charging"
    charger.status("SuspendedEVSE")
    assert charger.state["ocpp"]["status"] == "SuspendedEVSE"
    assert charger.state["connectorStatus"] == "Occupied"


@pytest.mark.parametrize("version", VERSIONS_2)
def test_2_x_has_no_other_word_for_a_status(version: str) -> None:
    charger = Charger2(version)
    charger.charge()
    assert charger.published("status")[-1]["ocpp"] == {"status": None}
    assert charger.state["ocpp"]["status"] is None
