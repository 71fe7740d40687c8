"""The document that says who is in control: exact keys and values."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from bridge.api.documents import secc
from bridge.domain.calls import ProfilePurpose
from bridge.domain.control import (
    InstalledProfile,
    Limit,
    Observed,
    PhaseControl,
    PhaseStep,
    ProfileWrite,
)
from bridge.domain.enums import AllocationSource
from bridge.domain.events import CONTROLLER
from bridge.domain.model import Evse
from bridge.domain.reported import Reported
from tests.records import replace
from tests.schema_check import check_document
from tests.unit.mqtt.example_station import AT, DOCUMENTS, EVSE, NOW, STATION

WRITTEN = InstalledProfile(profile_id=7, purpose=ProfilePurpose.TX, limit_a=10.0, at=AT)


def document_of(evse: Evse) -> dict[str, Any]:
    """Return the document as it is published, after a look at its schema."""
    document = DOCUMENTS.allocation(STATION, evse, NOW)
    published: dict[str, Any] = orjson.loads(orjson.dumps(document))
    check_document("allocation", published)
    return published


def allocated(**changes: Any) -> Evse:
    assert EVSE.allocation is not None
    return replace(EVSE, allocation=replace(EVSE.allocation, **changes))


def test_the_document() -> None:
    assert document_of(EVSE) == {
        "v": 1,
        "ts": "2026-01-10T10:00:00.123Z",
        "receivedAt": "2026-01-10T10:00:01.123Z",
        "cs": "DE*ABC*E1",
        "evse": 1,
        "allocationSourceName": "MQTT",
        "computed": "MQTT",
        "reported": None,
        "state": "active",
        "mode": "normal",
        "offeredA": 10.0,
        "offeredW": 6900.0,
        "phases": 3,
        "onePhaseLimitActive": False,
        "phaseLimitSourceName": None,
        "phaseRotationActive": False,
        "phaseRotationSourceName": None,
        "requested": {"limitA": 10.0, "limitW": None, "phases": None},
        "accepted": {
            "at": "2026-01-10T10:00:00.123Z",
            "via": "TxProfile",
            "profileId": 7,
            "limitA": 10.0,
            "validTo": None,
            "phases": None,
        },
        "observed": None,
        "limits": [
            {
                "source": "MQTT",
                "limitA": 10.0,
                "controller": "pv",
                "priority": 100,
                "expiresAt": "2026-01-10T10:00:01.123Z",
                "binding": True,
                "detail": None,
            },
            {
                "source": "Unmanaged",
                "limitA": 32.0,
                "controller": None,
                "priority": None,
                "expiresAt": None,
                "binding": False,
                "detail": None,
            },
        ],
        "since": "2026-01-10T10:00:00.123Z",
        "pending": None,
    }


@pytest.mark.parametrize(
    ("used", "charging", "phases"), [("100", True, 1), ("100", False, 3), (None, True, 3)]
)
def test_watts_count_the_phases_in_use_while_charging(
    used: str | None, charging: bool, phases: int
) -> None:
    evse = replace(EVSE, view=replace(EVSE.view, used_phases=used, charging=charging))
    document = document_of(evse)
    assert (document["phases"], document["offeredW"]) == (phases, phases * 2300.0)


def test_watts_count_the_voltage_that_is_reckoned_with() -> None:
    assert document_of(replace(EVSE, supply_voltage_v=240.0))["offeredW"] == 7200.0


def test_who_holds_it_to_one_phase() -> None:
    held = allocated(phase_limit=1, phase_source=AllocationSource.API, requested_phases=1)
    document = document_of(held)
    assert (document["onePhaseLimitActive"], document["phaseLimitSourceName"]) == (True, "API")
    # the transaction has used three phases, and no longer does
    assert (document["phases"], document["offeredW"]) == (1, 2300.0)
    assert document["requested"]["phases"] == 1


@pytest.mark.parametrize(
    ("asked", "requested"),
    [
        ({"requested_a": None}, None),
        ({"requested_w": 6900.0}, {"limitA": 10.0, "limitW": 6900.0, "phases": None}),
        (
            {"requested_a": None, "requested_phases": 3},
            {"limitA": None, "limitW": None, "phases": 3},
        ),
    ],
)
def test_what_is_asked_for(asked: dict[str, Any], requested: dict[str, Any] | None) -> None:
    assert document_of(allocated(**asked))["requested"] == requested


def test_what_the_station_has_accepted() -> None:
    until = AT + timedelta(minutes=5)
    accepted = replace(WRITTEN, valid_to=until, number_phases=1)
    document = document_of(allocated(accepted=accepted))
    assert document["accepted"]["validTo"] == "2026-01-10T10:05:00.123Z"
    assert document["accepted"]["phases"] == 1
    assert document_of(allocated(accepted=replace(WRITTEN, limit_a=None)))["accepted"] is None
    assert document_of(allocated(accepted=None))["accepted"] is None


def test_what_is_observed() -> None:
    evse = replace(EVSE, observed=Observed(current_a=15.9, ok=False, at=AT))
    assert document_of(evse)["observed"] == {"currentA": 15.9, "ok": False}


def test_where_a_limit_comes_from() -> None:
    outside = Limit(
        source=AllocationSource.OCPP_PROFILE, limit_a=16.0, detail={"limitSource": "CSO"}
    )
    (limit,) = document_of(allocated(limits=(outside,)))["limits"]
    assert (limit["source"], limit["detail"]) == ("OCPP Profile", {"limitSource": "CSO"})


SWITCHING = PhaseControl(step=PhaseStep.PAUSING, target=1)
SETTLING = PhaseControl(step=PhaseStep.SETTLING, target=1)
WAITING = PhaseControl(ready_at=NOW)
WRITE = ProfileWrite(call_id=1, profile=WRITTEN, clear=False)


@pytest.mark.parametrize(
    ("evse", "pending"),
    [
        (allocated(pending_a=6.0), (6.0, None, None, None)),
        (replace(EVSE, write=WRITE), (10.0, "TxProfile", None, None)),
        (replace(EVSE, write=replace(WRITE, clear=True)), (None, "TxProfile", None, None)),
        (replace(EVSE, phase=SWITCHING), (10.0, None, 1, None)),
        (replace(allocated(pending_a=0.0), phase=SWITCHING), (0.0, None, 1, None)),
        (
            replace(allocated(requested_phases=3), phase=WAITING),
            (10.0, None, 3, "2026-01-10T10:00:01.123Z"),
        ),
    ],
)
def test_what_is_on_its_way(evse: Evse, pending: tuple[Any, ...]) -> None:
    keys = ("limitA", "via", "phases", "phasesAt")
    assert document_of(evse)["pending"] == dict(zip(keys, pending, strict=True))


@pytest.mark.parametrize("phase", [SETTLING, WAITING])
def test_nothing_is_on_its_way(phase: PhaseControl) -> None:
    assert document_of(replace(EVSE, phase=phase))["pending"] is None


# --- A charge controller's own word ----------------------------------------------------------


def reporting(**said: Any) -> Evse:
    return replace(EVSE, reported=Reported(**{"source_name": "API", "available_a": 9.0, **said}))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"by_us": True}, "MQTT"),  # the controller knows the protocol, not who is behind it
        ({}, "API"),
        ({"source_name": "OCPP Profile"}, "OCPP Profile"),
        ({"source_name": "Marketing"}, "Marketing"),
        ({"source_name": None}, "MQTT"),
        # more is available than was written: it was lost, overwritten, or is ignored
        ({"source_name": None, "available_a": 10.2}, "Unmanaged"),
        ({"by_us": True, "available_a": 16.0}, "API"),
    ],
)
def test_a_controllers_word_on_who_is_in_control_is_translated(
    said: dict[str, Any], shown: str
) -> None:
    document = document_of(reporting(**said))
    assert (document["allocationSourceName"], document["computed"]) == (shown, "MQTT")
    assert document["reported"] == {
        "allocationSourceName": said.get("source_name", "API"),
        "byUs": said.get("by_us", False),
        "offeredA": said.get("available_a", 9.0),
    }
    evse = reporting(**said)
    assert DOCUMENTS.state(STATION, evse, NOW)["allocationSourceName"] == shown
    assert DOCUMENTS.state(STATION, evse, NOW)["iecSource"] == "secc"
    assert secc(STATION, evse, NOW)["allocationSourceName"] == shown


def test_a_higher_limit_that_is_about_to_be_written_is_not_exceeded() -> None:
    evse = reporting(by_us=True, available_a=16.0)
    assert evse.allocation is not None
    rising = replace(evse, allocation=replace(evse.allocation, pending_a=16.0))
    assert document_of(rising)["allocationSourceName"] == "MQTT"


def test_what_a_controller_said_before_it_went_away_counts_no_longer() -> None:
    evse = replace(reporting(), view=replace(EVSE.view, stale=True))
    assert document_of(evse)["allocationSourceName"] == "MQTT"


def test_phases_as_a_controller_says() -> None:
    held = reporting(one_phase=True, phase_source_name="API", phase_rotation=True)
    document = document_of(held)
    assert (document["onePhaseLimitActive"], document["phaseLimitSourceName"]) == (True, "API")
    assert (document["phaseRotationActive"], document["phaseRotationSourceName"]) == (True, "API")
    told = secc(STATION, held, NOW)
    assert (told["onePhaseLimitActive"], told["phaseRotationActive"]) == (True, True)
    free = document_of(reporting(one_phase=False, phase_source_name="API"))
    assert (free["onePhaseLimitActive"], free["phaseLimitSourceName"]) == (False, None)


def test_a_controller_without_ocpp_has_no_version_of_it() -> None:
    station = replace(STATION, version=CONTROLLER)
    assert DOCUMENTS.station_info(station, NOW)["ocppVersion"] is None
    assert DOCUMENTS.state(station, EVSE, NOW)["ocpp"]["version"] is None
