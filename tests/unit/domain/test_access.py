"""Letting a station in, and giving it a new password."""

import pytest

from bridge.domain.calls import (
    CallFailed,
    CallFailure,
    CallResult,
    SetVariables,
    TriggerMessage,
    VariableName,
    VariableResult,
)
from bridge.domain.commands import (
    ApproveStation,
    ChangePassword,
    Refusal,
    ResultCode,
    WriteVariables,
)
from bridge.domain.credentials import GivenPassword, LoggedIn, NewPassword
from bridge.domain.effects import SecurityRecorded
from bridge.domain.enums import Registration
from bridge.domain.events import BootNotification, Connected
from bridge.domain.records import replace
from bridge.domain.settings import StationAuth
from bridge.domain.station import Approved, Restarted
from tests.unit.domain.builders import CUT, KNOWN, REJECTED, T0, TIMEOUT, Told

BASIC = replace(KNOWN, auth=StationAuth.BASIC)
PENDING = replace(KNOWN, known=False)
BOOT = TriggerMessage(message="BootNotification")
PASSWORD = VariableName(component="SecurityCtrlr", variable="BasicAuthPassword")
KEY_1_6 = VariableName(component="ChargePoint", variable="AuthorizationKey")


def new(digest: str = "d1") -> NewPassword:
    given = GivenPassword(salt="salt", digest=digest, given_at=T0, instead_of="config")
    return NewPassword(secret="00" * 20, given=given)


def change(told: Told, digest: str = "d1", **more: object) -> None:
    told.command(ChangePassword(new=new(digest)), **{"evse_id": 0, **more})


def good(told: Told) -> list[str]:
    return [each.digest for each in told.station.credentials.passwords]


def variable(status: str) -> CallResult:
    result = VariableResult(name=PASSWORD, status=status, reason_code="Because")
    return CallResult(accepted=True, status="", variables=(result,))


def codes(told: Told) -> list[tuple[str, str]]:
    return [(result.status.value, result.code.value) for result in told.results]


def refusal(told: Told) -> Refusal:
    found = told.results[-1].refusal
    assert found is not None
    return found


class TestPassword:
    def test_it_is_remembered_when_it_is_sent(self) -> None:
        told = Told(BASIC)
        change(told)
        assert told.calls[-1].request == SetVariables(values=((PASSWORD, "00" * 20),))
        assert good(told) == ["d1"]
        assert "00" * 20 not in repr(told.outcome)

    def test_of_ocpp_1_6_it_is_the_authorization_key(self) -> None:
        told = Told(BASIC)
        told.tell(Connected(version="1.6", connection_id="c2", remote="127.0.0.1"))
        change(told)
        assert told.calls[-1].request == SetVariables(values=((KEY_1_6, "00" * 20),))
        told.answer(CallResult(accepted=True, status="Accepted"))
        assert codes(told) == [("accepted", "ok"), ("done", "ok")]

    @pytest.mark.parametrize("status", ["Accepted", "RebootRequired"])
    def test_accepted_it_is_one_of_two_until_the_station_uses_it(self, status: str) -> None:
        told = Told(BASIC)
        change(told)
        told.answer(variable(status))
        assert codes(told) == [("accepted", "ok"), ("done", "ok")]
        assert told.results[-1].data == {"status": status}
        assert [each.confirmed for each in told.station.credentials.passwords] == [False]
        outcome = told.tell(LoggedIn(password="d1", over_tls=False))
        assert [each.confirmed for each in told.station.credentials.passwords] == [True]
        (event,) = outcome.events
        assert isinstance(event, SecurityRecorded)
        assert (event.code, event.alarm) == ("password_changed", False)

    @pytest.mark.parametrize(
        "answer",
        [
            variable("Rejected"),
            REJECTED,
            CallFailed(failure=CallFailure.QUEUE_FULL),
            CallFailed(failure=CallFailure.EXPIRED),
        ],
        ids=["variable", "key", "queue full", "expired"],
    )
    def test_refused_or_never_sent_it_is_forgotten(self, answer: CallResult | CallFailed) -> None:
        told = Told(BASIC)
        change(told)
        told.answer(answer)
        assert good(told) == []
        assert told.results[-1].final

    def test_a_refusal_says_why(self) -> None:
        told = Told(BASIC)
        change(told)
        told.answer(variable("Rejected"))
        assert codes(told) == [("accepted", "ok"), ("rejected", "station_rejected")]
        assert refusal(told).details["reasonCode"] == "Because"

    @pytest.mark.parametrize("answer", [TIMEOUT, CUT], ids=["timeout", "cut"])
    def test_without_an_answer_it_may_be_the_one(self, answer: CallFailed) -> None:
        told = Told(BASIC)
        change(told)
        told.answer(answer)
        assert good(told) == ["d1"]
        assert codes(told)[-1][0] == "failed"

    def test_a_bridge_that_dies_meanwhile_knows_both(self) -> None:
        told = Told(BASIC)
        change(told)
        told.tell(Restarted())
        assert codes(told) == [("accepted", "ok"), ("unknown", "unknown")]
        assert good(told) == ["d1"]

    def test_a_second_one_does_not_make_the_first_bad(self) -> None:
        told = Told(BASIC)
        change(told, "d1")
        told.answer(TIMEOUT)
        change(told, "d2")
        assert good(told) == ["d1", "d2"]
        told.tell(LoggedIn(password="d1", over_tls=False))
        assert good(told) == ["d1", "d2"]
        told.tell(LoggedIn(password="d2", over_tls=False))
        assert good(told) == ["d2"]

    @pytest.mark.parametrize(
        ("settings", "evse_id"),
        [
            (replace(KNOWN, auth=StationAuth.MTLS), 0),
            (replace(KNOWN, secc=True), 0),
            (replace(BASIC, protected_variables=("basicauthpassword",)), 0),
        ],
        ids=["certificate", "charge controller", "protected"],
    )
    def test_where_there_is_none_it_is_not_sent(self, settings: object, evse_id: int) -> None:
        told = Told(settings)  # type: ignore[arg-type]
        change(told, evse_id=evse_id)
        assert refusal(told).code is ResultCode.UNSUPPORTED
        assert told.calls == []
        assert good(told) == []

    def test_it_is_the_whole_stations(self) -> None:
        told = Told(BASIC)
        told.start()
        change(told, evse_id=1)
        assert refusal(told).message == "a password is the whole station's: use EVSE 0"

    @pytest.mark.parametrize("name", [PASSWORD, KEY_1_6])
    def test_it_cannot_be_written_past_the_bridge(self, name: VariableName) -> None:
        told = Told(BASIC)
        told.command(WriteVariables(values=((name, "x" * 16),)), evse_id=0)
        assert refusal(told).code is ResultCode.UNSUPPORTED
        assert "`password`" in refusal(told).message
        open_ = Told(KNOWN)
        open_.command(WriteVariables(values=((name, "x" * 16),)), evse_id=0)
        assert len(open_.calls) == 1


class TestLogin:
    def test_what_is_not_news_changes_nothing(self) -> None:
        told = Told(BASIC)
        before = told.station
        assert told.tell(LoggedIn(password="unknown", over_tls=False)).station is before

    def test_tls_is_remembered(self) -> None:
        told = Told(BASIC)
        outcome = told.tell(LoggedIn(password=None, over_tls=True))
        assert told.station.credentials.used_tls
        assert outcome.events == ()


class TestApproval:
    def test_a_connected_station_is_let_in_and_asked_to_boot(self) -> None:
        told = Told(PENDING)
        told.command(ApproveStation(), evse_id=0)
        assert told.station.registration is Registration.ACCEPTED
        assert [call.request for call in told.calls] == [BOOT]
        assert codes(told) == [("accepted", "ok"), ("done", "ok")]
        assert told.results[-1].data == {"registration": "Accepted"}

    def test_it_is_asked_nothing_else_before_it_has_booted(self) -> None:
        asking = replace(PENDING, automatic_calls=True)
        told = Told(asking)
        told.tell(Approved(boots=False))
        assert [call.request for call in told.calls] == [BOOT]
        told.tell(BootNotification(vendor_name="V", model="M", reason="Triggered"))
        assert len(told.calls) > 1

    def test_one_that_does_not_boot_is_asked_all_the_same_later(self) -> None:
        told = Told(replace(PENDING, automatic_calls=True))
        told.tell(Approved(boots=False))
        told.tick(6.0)
        assert told.station.quiet_until is None
        told.tick(60.0)
        assert len(told.calls) > 1

    def test_one_that_boots_anyway_is_not_asked_to(self) -> None:
        told = Told(PENDING)
        told.tell(Approved())
        assert told.calls == []

    def test_an_absent_station_is_let_in_when_it_comes(self) -> None:
        told = Told(PENDING)
        told.disconnect()
        told.command(ApproveStation(), evse_id=0)
        assert told.station.registration is Registration.ACCEPTED
        assert told.calls == []

    def test_an_accepted_station_is_not_disturbed(self) -> None:
        told = Told()
        told.command(ApproveStation(), evse_id=0)
        assert told.calls == []
        assert codes(told) == [("accepted", "ok"), ("done", "ok")]
