"""Authorization (OCPP 2.0.1 part 6, C; 1.6 core profile), as far as a bridge answers for it."""

from typing import Any, Final

import pytest

from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.stations import Json, played
from tests.acceptance.witness import Witness, outcome
from tests.conformance.charge_point import BOOT_16, ChargePoint
from tests.conformance.story import DONE, PLACE, Story

GROUP: Final = "FAMILY"
MASTER_PASS: Final = "MASTER-PASS"
"""MasterPassGroupId of the station."""


def listed(token: str, **more: Any) -> Json:
    """Return an entry of the list of tokens."""
    return {"id_token": token, **more}


@pytest.fixture
def options() -> Options:
    tokens = [
        listed("GOOD", group=GROUP),
        listed("BLOCKED", status="Blocked"),
        listed("INVALID", status="Invalid"),
        listed("MASTER", group=MASTER_PASS),
        listed("OLD", valid_until="2020-01-01T00:00:00Z"),
    ]
    return {
        "authorization": {"tokens": tokens},
        "commands": {"allow_call": True},
        "stations": {"defaults": {"authorize": "list"}},
    }


@pytest.mark.parametrize(
    ("token", "status"),
    [
        pytest.param("STRANGER", "Unknown", marks=pytest.mark.conformance("TC_C_02_CSMS")),
        pytest.param("INVALID", "Invalid", marks=pytest.mark.conformance("TC_C_02_CSMS")),
        pytest.param("BLOCKED", "Blocked", marks=pytest.mark.conformance("TC_C_06_CSMS")),
        pytest.param("OLD", "Expired", marks=pytest.mark.conformance("TC_C_07_CSMS")),
        ("GOOD", "Accepted"),
    ],
)
async def test_a_token_is_told_its_status_before_and_in_the_transaction(
    story: Story, token: str, status: str
) -> None:
    id_token = {"idToken": token, "type": "ISO14443"}
    assert await story.authorize(id_token) == status
    # E01.FR.11: also where the station has not asked, e.g. because its cache knew the token
    answer = await story.event("Started", "Authorized", idToken=id_token)
    assert answer["idTokenInfo"]["status"] == status


@pytest.mark.parametrize(
    ("token", "status"),
    [
        pytest.param("GOOD", "Accepted", marks=pytest.mark.conformance("TC_C_08_CSMS")),
        pytest.param("INVALID", "Invalid", marks=pytest.mark.conformance("TC_C_20_CSMS")),
    ],
)
async def test_a_token_that_the_station_has_cached_is_told_its_status_all_the_same(
    story: Story, token: str, status: str
) -> None:
    id_token = {"idToken": token, "type": "ISO14443"}
    answer = await story.event("Started", "Authorized", idToken=id_token)
    assert answer["idTokenInfo"]["status"] == status


@pytest.mark.conformance("TC_C_39_CSMS")
async def test_a_token_is_told_its_group(story: Story) -> None:
    id_token = {"idToken": "GOOD", "type": "ISO14443"}
    answer = await story.station.call("Authorize", {"idToken": id_token})
    assert answer["idTokenInfo"]["groupIdToken"]["idToken"] == GROUP


@pytest.mark.conformance("TC_C_47_CSMS", "TC_C_48_CSMS", "TC_C_49_CSMS")
async def test_a_master_pass_ends_the_transaction_of_somebody_else(story: Story) -> None:
    good = {"idToken": "GOOD", "type": "ISO14443"}
    answer = await story.event("Started", "Authorized", "Charging", idToken=good)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    master = {"idToken": "MASTER", "type": "ISO14443"}
    answer = await story.station.call("Authorize", {"idToken": master})
    assert answer["idTokenInfo"]["status"] == "Accepted"
    assert answer["idTokenInfo"]["groupIdToken"]["idToken"] == MASTER_PASS
    reason = {"stoppedReason": "MasterPass"}
    ended = await story.event("Ended", "StopAuthorized", info=reason, idToken=master)
    assert ended["idTokenInfo"]["status"] == "Accepted"
    secc = await story.witness.until_newest(f"{PLACE}/secc", stopReason="MasterPass")
    assert secc["startReason"] == "Authorized"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("Accepted", marks=pytest.mark.conformance("TC_C_37_CSMS")),
        pytest.param("Rejected", marks=pytest.mark.conformance("TC_C_38_CSMS")),
    ],
)
async def test_the_cache_is_cleared_by_call(story: Story, answer: str) -> None:
    story.station.answer_with("ClearCache", lambda _payload: {"status": answer})
    body = {"action": "ClearCache", "payload": {}}
    results = await story.witness.ask("call", body, place="CS1/0")
    assert outcome(results) == DONE
    assert story.station.calls == [("ClearCache", {})]
    assert results[-1]["data"]["status"] == answer


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        pytest.param("STRANGER", "Invalid", marks=pytest.mark.conformance("TC_023_1_CSMS")),
        pytest.param("OLD", "Expired", marks=pytest.mark.conformance("TC_023_2_CSMS")),
        pytest.param("BLOCKED", "Blocked", marks=pytest.mark.conformance("TC_023_3_CSMS")),
        pytest.param("GOOD", "Accepted", marks=pytest.mark.conformance("TC_007_CSMS")),
    ],
)
async def test_a_tag_is_told_its_status_in_1_6(
    bridge: Bridge, witness: Witness, tag: str, status: str
) -> None:
    async with played(bridge.url, version="1.6") as station:
        await station.call("BootNotification", BOOT_16)
        point = ChargePoint(station)
        assert await point.authorize(tag) == status
        # also where the station has not asked, because its cache knew the tag
        assert await point.begin(tag) == status


@pytest.mark.conformance("TC_061_CSMS")
async def test_the_cache_is_cleared_by_call_in_1_6(bridge: Bridge, witness: Witness) -> None:
    async with played(bridge.url, version="1.6") as station:
        await station.call("BootNotification", BOOT_16)
        body = {"action": "ClearCache", "payload": {}}
        assert outcome(await witness.ask("call", body, place="CS1/0")) == DONE
        assert station.calls == [("ClearCache", {})]
