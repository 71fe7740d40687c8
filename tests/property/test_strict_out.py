"""Whatever the bridge is asked to say to a station, what it sends is valid OCPP of its version."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain import calls
from bridge.domain.calls import (
    CallFailed,
    ProfileCriteria,
    ProfilePurpose,
    ResetType,
    VariableName,
)
from bridge.domain.effects import (
    Acknowledged,
    AuthorizeReply,
    BootReply,
    NotAccepted,
    Reply,
    StartReply,
    TransactionReply,
)
from bridge.domain.enums import AuthorizationStatus, Registration
from bridge.domain.events import IdToken
from bridge.domain.settings import ProfileKind, RateUnit
from bridge.domain.tokens import Verdict
from bridge.ocpp.actions import OcppVersion, Translator
from bridge.ocpp.frames import CallError, CallResult, parse
from bridge.ocpp.v16.version import V16
from bridge.ocpp.v21.version import V21
from bridge.ocpp.v201.version import V201
from tests.ocpp_payloads import Payloads

VERSIONS: tuple[OcppVersion, ...] = (V16, V201, V21)
PAYLOADS = {version.name: Payloads(version.schemas) for version in VERSIONS}
TRANSLATORS = {version.name: Translator(version) for version in VERSIONS}

NUMBERS = st.integers(0, 2**31 - 1)
IDS = st.integers(1, 2**31 - 1)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=80)
TIMES = st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
LIMITS = st.floats(0, 100_000, allow_nan=False)
TOKENS = st.builds(
    IdToken,
    value=TEXTS,
    type=st.sampled_from(["Central", "eMAID", "ISO14443", "ISO15693", "KeyCode", "Local"]),
)
NAMES = st.builds(
    VariableName,
    component=TEXTS,
    variable=TEXTS,
    evse_id=st.none() | IDS,
    component_instance=st.none() | TEXTS,
    variable_instance=st.none() | TEXTS,
    attribute=st.sampled_from(["Actual", "Target", "MinSet", "MaxSet"]),
)
PROFILES = st.builds(
    calls.SetChargingProfile,
    evse_id=NUMBERS,
    profile_id=IDS,
    purpose=st.sampled_from(ProfilePurpose),
    stack_level=st.integers(0, 100),
    limit_a=LIMITS,
    start_at=TIMES,
    kind=st.sampled_from(ProfileKind),
    limit_w=st.none() | LIMITS,
    valid_to=st.none() | TIMES,
    transaction_id=st.none() | st.integers(-1, 2**31).map(str) | TEXTS,
    number_phases=st.none() | st.sampled_from([1, 3]),
    max_offline_seconds=st.none() | NUMBERS,
)
REQUESTS: st.SearchStrategy[calls.StationRequest] = st.one_of(
    PROFILES,
    st.builds(
        calls.UpdateDynamicSchedule,
        profile_id=IDS,
        limit=st.none() | LIMITS,
        discharge_limit=st.none() | LIMITS.map(lambda limit: -limit),
        setpoint=st.none() | LIMITS,
    ),
    st.builds(calls.ClearChargingProfile, profile_id=IDS),
    st.builds(
        calls.RequestStartTransaction,
        evse_id=st.none() | IDS,
        remote_start_id=IDS,
        id_token=TOKENS,
        connector_id=st.none() | IDS,
        profile=st.none() | PROFILES,
    ),
    st.builds(calls.RequestStopTransaction, transaction_id=st.integers().map(str) | TEXTS),
    st.builds(
        calls.TriggerMessage,
        message=st.sampled_from(["Heartbeat", "MeterValues", "TransactionEvent"]) | TEXTS,
        evse_id=st.none() | IDS,
        connector_id=st.none() | IDS,
    ),
    st.builds(
        calls.GetChargingProfiles,
        request_id=IDS,
        evse_id=st.none() | NUMBERS,
        criteria=st.builds(
            ProfileCriteria,
            profile_ids=st.lists(IDS, max_size=3).map(tuple),
            purpose=st.none() | st.sampled_from(["TxProfile", "PriorityCharging"]) | TEXTS,
            stack_level=st.none() | NUMBERS,
            limit_sources=st.lists(st.sampled_from(["CSO", "EMS"]) | TEXTS, max_size=5).map(tuple),
        ),
    ),
    st.builds(
        calls.GetCompositeSchedule,
        evse_id=NUMBERS,
        duration_seconds=NUMBERS,
        unit=st.none() | st.sampled_from(RateUnit),
    ),
    st.builds(calls.ChangeAvailability, operative=st.booleans(), evse_id=st.none() | NUMBERS),
    st.builds(calls.UnlockConnector, evse_id=IDS, connector_id=IDS),
    st.builds(calls.Reset, type=st.sampled_from(ResetType), evse_id=st.none() | IDS),
    st.builds(calls.GetVariables, names=st.lists(NAMES, max_size=3).map(tuple)),
    st.builds(
        calls.SetVariables,
        values=st.lists(st.tuples(NAMES, TEXTS), max_size=3).map(tuple),
    ),
    st.builds(calls.GetTransactionStatus, transaction_id=st.none() | TEXTS),
)
VERDICTS = st.builds(
    Verdict,
    status=st.sampled_from(AuthorizationStatus),
    valid_until=st.none() | TIMES,
    group=st.none() | st.text(min_size=1, max_size=36),
)
REPLIES: dict[str, st.SearchStrategy[Reply]] = {
    "BootNotification": st.builds(
        BootReply, status=st.sampled_from(Registration), interval_seconds=NUMBERS
    ),
    "Authorize": st.builds(AuthorizeReply, verdict=VERDICTS),
    "StartTransaction": st.builds(StartReply, transaction_id=IDS, verdict=VERDICTS),
    "StopTransaction": st.builds(TransactionReply, verdict=st.none() | VERDICTS),
    "TransactionEvent": st.builds(TransactionReply, verdict=st.none() | VERDICTS),
}


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
@given(request=REQUESTS)
def test_a_request_is_valid_or_not_sent(
    version: OcppVersion, request: calls.StationRequest
) -> None:
    written = TRANSLATORS[version.name].write(request)
    if isinstance(written, CallFailed):
        assert written.code
        assert written.description
    else:
        action, payload = written
        PAYLOADS[version.name].check(f"{action}{version.request_suffix}", payload)


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
@given(data=st.data(), now=TIMES)
def test_an_answer_is_valid(version: OcppVersion, data: st.DataObject, now: datetime) -> None:
    action = data.draw(st.sampled_from(sorted(version.station_actions)))
    reply = data.draw(REPLIES.get(action, st.just(Acknowledged())))
    answer = parse(TRANSLATORS[version.name].answer(action, "m", reply, now))
    assert isinstance(answer, CallResult)
    PAYLOADS[version.name].check(f"{action}Response", answer.payload)


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_a_station_that_is_not_accepted_is_told_so(version: OcppVersion) -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    answer = parse(TRANSLATORS[version.name].answer("Heartbeat", "m", NotAccepted(), now))
    assert isinstance(answer, CallError)
    assert answer.code == "SecurityError"


@pytest.mark.parametrize(
    ("version", "request_", "reason"),
    [
        (
            V16,
            calls.RequestStartTransaction(
                evse_id=1, remote_start_id=1, id_token=IdToken(value="T" * 21, type="Central")
            ),
            "/idTag: maxLength",
        ),
        (V16, calls.TriggerMessage(message="TransactionEvent"), "/requestedMessage: enum"),
        (V201, calls.RequestStopTransaction(transaction_id="T" * 37), "/transactionId: maxLength"),
    ],
)
def test_what_this_version_cannot_hold_is_not_sent(
    version: OcppVersion, request_: calls.StationRequest, reason: str
) -> None:
    """A tag of more than 20 characters made stations answer nothing any more (quirk 26)."""
    written: Any = TRANSLATORS[version.name].write(request_)
    assert isinstance(written, CallFailed)
    assert (written.code, written.description) == ("PropertyConstraintViolation", reason)
