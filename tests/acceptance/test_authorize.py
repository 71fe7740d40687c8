"""Whether a token may charge, end to end: stations of each version, the list, and controllers.

The stations are made of the `ocpp` package, which holds every answer to its schema.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from ocpp import v16

from bridge.simulator.script import Authorize, Charge, PlugIn, Script
from tests.acceptance.bridges import Bridge, Options, merged
from tests.acceptance.peer import PEERS, PLACE, Peer, connected
from tests.acceptance.simulation import simulated
from tests.acceptance.stations import iso
from tests.acceptance.witness import Document, Witness, outcome
from tests.mqtt_probe import Received

DONE: Final = [("accepted", "ok"), ("done", "ok")]
CARD: Final = "CANARYCARD04A2"
GROUP: Final = "CANARYGROUP"
STATION: Final = "PEER/0"
ASKED: Final = f"{STATION}/event/authorize"
LATER: Final = datetime(2036, 1, 1, tzinfo=UTC)

STATUSES: Final = (
    "Accepted",
    "Blocked",
    "ConcurrentTx",
    "Expired",
    "Invalid",
    "NoCredit",
    "NotAllowedTypeEVSE",
    "NotAtThisLocation",
    "NotAtThisTime",
    "Unknown",
)
IN_1_6: Final = {
    "NoCredit": "Blocked",
    "NotAllowedTypeEVSE": "Blocked",
    "NotAtThisLocation": "Blocked",
    "NotAtThisTime": "Blocked",
    "Unknown": "Invalid",
}


def asking(**rules: Any) -> Options:
    """Ask controllers, who have a minute, unless a rule says otherwise."""
    return {
        "stations": {"defaults": {"authorize": "ask"}},
        "authorization": {"ask_timeout_seconds": 60, **rules},
    }


@pytest.fixture(params=PEERS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def peer(version: str, bridge: Bridge, witness: Witness) -> AsyncIterator[Peer]:
    """A booted station with a free connector."""
    async with connected(bridge.url, version) as station:
        await witness.until(f"{PLACE}/state", state="Idle")
        yield station


async def authorize(peer: Peer, token: str = CARD) -> Document:
    """Hold a card to the reader; return idTokenInfo or idTagInfo."""
    if peer.version == "1.6":
        tag: Document = (await peer.call(v16.call.Authorize(token))).id_tag_info
        return tag
    id_token = {"id_token": token, "type": "ISO14443"}
    info: Document = (await peer.call(peer.package.call.Authorize(id_token))).id_token_info
    return info


async def begins(peer: Peer, token: str = CARD) -> Document:
    """Begin a transaction without having asked before; return what its token is told."""
    if peer.version == "1.6":
        started = await peer.call(v16.call.StartTransaction(1, token, 1000, now()))
        peer.transaction_id = started.transaction_id
        tag: Document = started.id_tag_info
        return tag
    peer.transaction_id = "tx-1"
    id_token = {"id_token": token, "type": "ISO14443"}
    answer = await peer.event("Started", "Authorized", id_token=id_token)  # type: ignore[attr-defined]
    info: Document = answer.id_token_info
    return info


def now() -> str:
    return datetime.now(tz=UTC).isoformat()


def told(
    version: str, status: str, group: str | None = None, until: str | None = None
) -> Document:
    """Return what a station of this version is told."""
    if version == "1.6":
        more = {"parent_id_tag": group, "expiry_date": until}
        return {"status": IN_1_6.get(status, status)} | {k: v for k, v in more.items() if v}
    info: Document = {"status": status}
    if until is not None:
        info["cache_expiry_date_time"] = until
    if group is not None:
        info["group_id_token"] = {"id_token": group, "type": "Central"}
    return info


class TestAccept:
    """`accept`, as it is shipped."""

    @pytest.fixture
    def options(self) -> Options:
        return {"authorization": {"tokens": [{"id_token": CARD, "status": "Blocked"}]}}

    async def test_everybody_may_charge(self, peer: Peer, witness: Witness) -> None:
        assert await authorize(peer) == {"status": "Accepted"}
        assert await begins(peer) == {"status": "Accepted"}
        await witness.until(f"{PLACE}/event/transaction", eventType="Started")
        await witness.settle()
        assert not witness.documents(ASKED)


async def begins_on_the_other(peer: Peer, token: str = CARD) -> str:
    """Begin a second transaction, on EVSE 2; return the status that its token is told."""
    if peer.version == "1.6":
        started = await peer.call(v16.call.StartTransaction(2, token, 1000, now()))
        return str(started.id_tag_info["status"])
    event = peer.package.call.TransactionEvent(
        event_type="Started",
        timestamp=now(),
        trigger_reason="Authorized",
        seq_no=0,
        transaction_info={"transaction_id": "tx-2"},
        id_token={"id_token": token, "type": "ISO14443"},
        evse={"id": 2, "connector_id": 1},
    )
    return str((await peer.call(event)).id_token_info["status"])


class TestOneTransactionPerToken:
    """`concurrent_transactions = false`, which is not how it is shipped."""

    @pytest.fixture
    def options(self) -> Options:
        return {"authorization": {"concurrent_transactions": False}}

    async def test_a_second_transaction_of_a_token_is_told_so(self, peer: Peer) -> None:
        assert await begins(peer) == {"status": "Accepted"}
        assert await begins_on_the_other(peer) == "ConcurrentTx"
        assert await authorize(peer) == {"status": "Accepted"}
        await peer.end()
        assert await begins_on_the_other(peer, "ANOTHER") == "Accepted"


class TestList:
    """`list`: the owner's tokens and nobody else."""

    @pytest.fixture
    def options(self) -> Options:
        each = [
            {"id_token": f"T{number}", "status": status} for number, status in enumerate(STATUSES)
        ]
        full = {
            "id_token": CARD.lower(),
            "group": GROUP,
            "valid_until": "2036-01-01T00:00:00Z",
        }
        past = {"id_token": "PAST", "valid_until": "2026-01-01T00:00:00Z"}
        return {
            "stations": {"defaults": {"authorize": "list"}},
            "authorization": {"tokens": [*each, full, past]},
        }

    async def test_each_token_is_told_its_status(self, peer: Peer) -> None:
        answers = {status: await authorize(peer, f"T{n}") for n, status in enumerate(STATUSES)}
        assert answers == {status: told(peer.version, status) for status in STATUSES}
        full = told(peer.version, "Accepted", GROUP, "2036-01-01T00:00:00Z")
        assert await authorize(peer) == full
        past = told(peer.version, "Expired")
        assert await authorize(peer, "PAST") == past
        assert await authorize(peer, "NOBODY") == told(peer.version, "Unknown")

    async def test_a_transaction_is_recorded_whatever_its_token_is_told(
        self, peer: Peer, witness: Witness
    ) -> None:
        assert await begins(peer, "NOBODY") == told(peer.version, "Unknown")
        started = await witness.until(f"{PLACE}/event/transaction", eventType="Started")
        assert started["transaction"]["transactionId"] == str(peer.transaction_id)

    async def test_the_token_of_a_start_is_accepted_though_nobody_has_listed_it(
        self, peer: Peer, witness: Witness
    ) -> None:
        body = {"idToken": {"value": "FROMAFAR"}}
        results = await witness.ask("start", body, place=PLACE)
        assert outcome(results) == DONE
        assert await authorize(peer, "FROMAFAR") == {"status": "Accepted"}
        await peer.charge("FROMAFAR", results[-1]["data"]["remoteStartId"])  # asserts Accepted
        await witness.until(f"{PLACE}/state", state="Charging")


class TestAsk:
    """`ask`: a controller decides."""

    @pytest.fixture
    def options(self) -> Options:
        return merged(asking(), {"mqtt": {"raw": True}})

    @pytest.mark.parametrize("status", ["Accepted", "Blocked"])
    async def test_a_controller_decides_while_the_station_waits(
        self, peer: Peer, witness: Witness, status: str
    ) -> None:
        waiting = asyncio.create_task(authorize(peer))
        asked = await witness.until(ASKED, type="authorize.asked")
        assert asked["id"] == asked["request"]
        assert (asked["evse"], asked["transactionIds"], asked["status"]) == (0, [], None)
        left = datetime.fromisoformat(asked["answerBy"]) - datetime.fromisoformat(asked["ts"])
        assert left == timedelta(seconds=60)

        # our own calls to the station cross the one that waits
        assert outcome(await witness.ask("limit", {"limitA": 8}, place=PLACE)) == DONE
        assert not waiting.done()

        body = {
            "request": asked["request"],
            "status": status,
            "group": GROUP,
            "validUntil": iso(LATER),
        }
        results = await witness.ask("authorize", body, place=STATION)
        assert outcome(results) == DONE
        assert results[-1]["data"] == {
            "request": asked["request"],
            "status": status,
            "stoppingTransactionIds": [],
        }
        async with asyncio.timeout(15):
            assert await waiting == told(peer.version, status, GROUP, "2036-01-01T00:00:00Z")
        decided = await witness.until(ASKED, type="authorize.decided")
        assert decided["request"] == asked["request"]
        assert (decided["status"], decided["decidedBy"]) == (status, "controller")
        assert (decided["controller"], decided["commandId"]) == ("me", results[-1]["id"])

        # and the transaction that follows is told the same, without another question
        assert await begins(peer) == told(peer.version, status, GROUP, "2036-01-01T00:00:00Z")
        await witness.until(f"{PLACE}/event/transaction", eventType="Started")
        await witness.settle()
        assert len(witness.documents(ASKED)) == 2
        assert not witness.documents(f"{PLACE}/event/authorize")

        self.shows_no_token(witness)

    def shows_no_token(self, witness: Witness) -> None:
        """Hold everything that the bridge has published, raw frames too, against the canaries."""
        published = [m for m in witness.messages if "/cmd/" not in m.topic]
        frames = {m.topic.split("/")[-1] for m in published if "/raw/" in m.topic}
        assert {"Authorize"} < frames
        for message in published:
            everything = message.topic.encode() + message.payload
            assert CARD.encode() not in everything, message
            assert GROUP.encode() not in everything, message

    async def test_a_token_answers_for_its_question(self, peer: Peer, witness: Witness) -> None:
        waiting = asyncio.create_task(authorize(peer))
        asked = await witness.until(ASKED, type="authorize.asked")
        body = {"idToken": asked["idToken"], "status": "Accepted"}
        assert outcome(await witness.ask("authorize", body, place=STATION)) == DONE
        async with asyncio.timeout(15):
            assert await waiting == {"status": "Accepted"}

    async def test_a_station_that_comes_back_gets_the_answer_there(
        self, version: str, bridge: Bridge, witness: Witness
    ) -> None:
        async with connected(bridge.url, version) as gone:
            lost = asyncio.create_task(authorize(gone))
            asked = await witness.until(ASKED, type="authorize.asked")
        lost.cancel()
        async with connected(bridge.url, version) as back:
            waiting = asyncio.create_task(authorize(back))
            body = {"request": asked["request"], "status": "Accepted"}
            assert outcome(await witness.ask("authorize", body, place=STATION)) == DONE
            async with asyncio.timeout(15):
                assert await waiting == {"status": "Accepted"}
        await witness.settle()
        assert [each["type"] for each in witness.documents(ASKED)] == [
            "authorize.asked",
            "authorize.decided",
        ]

    async def test_what_names_no_question_is_refused(self, peer: Peer, witness: Witness) -> None:
        body = {"request": "nothing", "status": "Accepted"}
        results = await witness.ask("authorize", body, place=STATION)
        assert outcome(results) == [("rejected", "invalid_argument")]
        assert results[-1]["error"]["details"] == {"pointer": "/request"}


class TestTimeOut:
    """`ask`, and nobody answers in time."""

    @pytest.fixture(params=["refuse", "accept"])
    def default(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def options(self, default: str) -> Options:
        return asking(ask_timeout_seconds=1, ask_default=default)

    async def test_the_default_is_the_answer_and_a_late_command_expired(
        self, peer: Peer, witness: Witness, default: str
    ) -> None:
        status = {"refuse": "Invalid", "accept": "Accepted"}[default]
        async with asyncio.timeout(15):
            assert await authorize(peer) == {"status": status}
        decided = await witness.until(ASKED, type="authorize.decided")
        assert (decided["status"], decided["decidedBy"]) == (status, "default")
        late = {"request": decided["request"], "status": "Blocked"}
        results = await witness.ask("authorize", late, place=STATION)
        assert outcome(results) == [("expired", "expired")]
        again = {"idToken": decided["idToken"], "status": "Blocked"}
        results = await witness.ask("authorize", again, place=STATION)
        assert outcome(results) == [("expired", "expired")]


class TestTransaction:
    """`ask`, of a transaction that has begun without asking first."""

    @pytest.fixture
    def options(self) -> Options:
        return asking(ask_default="accept")

    async def test_it_is_answered_at_once_and_stopped_by_a_refusal(
        self, peer: Peer, witness: Witness
    ) -> None:
        assert await begins(peer) == {"status": "Accepted"}
        asked = await witness.until(f"{PLACE}/event/authorize", type="authorize.asked")
        transaction_id = str(peer.transaction_id)
        assert asked["transactionIds"] == [transaction_id]
        assert asked["status"] == "Accepted"

        body = {"request": asked["request"], "status": "Blocked"}
        results = await witness.ask("authorize", body, place=PLACE)
        assert outcome(results) == DONE
        assert results[-1]["data"]["stoppingTransactionIds"] == [transaction_id]
        stop = {"1.6": "RemoteStopTransaction"}.get(peer.version, "RequestStopTransaction")
        assert await peer.until_asked(stop) == {"transaction_id": peer.transaction_id}
        allocation = await witness.until(f"{PLACE}/allocation", offeredA=0)
        assert allocation["allocationSourceName"] == "Transaction"


class TestSimulatedStation:
    """A car at a simulated station, to whose reader a stranger's card is held first."""

    @pytest.fixture
    def options(self) -> Options:
        return asking()

    @pytest.mark.parametrize("simulated_version", ["1.6", "2.0.1"])
    async def test_it_charges_when_a_controller_says_so(
        self, bridge: Bridge, witness: Witness, simulated_version: str
    ) -> None:
        script = Script(
            steps=(
                PlugIn(),
                Authorize(id_token="STRANGER"),
                Authorize(id_token="FRIEND"),
                Charge(seconds=3600),
            )
        )
        topic = "SIM001/0/event/authorize"

        async def decide(status: str) -> Document:
            asked = (await witness.wait_for(witness.address(topic), is_open)).json
            body = {"request": asked["request"], "status": status}
            assert outcome(await witness.ask("authorize", body, place="SIM001/0")) == DONE
            await witness.until(topic, type="authorize.decided", request=asked["request"])
            token: Document = asked["idToken"]
            return token

        def is_open(message: Received) -> bool:
            closed = {d["request"] for d in witness.documents(topic) if d["decidedBy"]}
            return message.json["request"] not in closed

        async with simulated(bridge.url, version=simulated_version, script=script) as watch:
            stranger = await decide("Blocked")
            friend = await decide("Accepted")
            await watch.until_current(16)
            await witness.until("SIM001/1/state", state="Charging")
        events = witness.documents("SIM001/1/event/transaction")
        shown = [event["idToken"] for event in events if event["idToken"] is not None]
        assert friend in shown
        assert stranger not in shown
