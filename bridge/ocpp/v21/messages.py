"""What a station says in OCPP 2.1 and not in 2.0.1, read into the words of the domain."""

from collections.abc import Mapping
from typing import Any, Final

from bridge.domain.events import (
    PullDynamicScheduleUpdate,
    TransactionEvent,
    TransactionLimit,
)
from bridge.domain.records import replace
from bridge.ocpp.v2 import messages
from bridge.ocpp.v2.parts import integer, invalid, optional_integer, optional_word

_Payload = dict[str, Any]

_NEW: Final = frozenset({"costDetails", "evseSleep", "preconditioningStatus"})
_NEW_INFO: Final = frozenset({"operationMode", "tariffId", "transactionLimit"})
"""Of the transactionInfo."""

_MAX_TARIFF_ID: Final = 60
_MAX_AMOUNT: Final = 1e15
"""Of money or Wh; beyond it, whole cents are lost."""


def transaction_event(payload: _Payload) -> TransactionEvent:
    """Read a TransactionEventRequest (E), its fields of OCPP 2.1 included."""
    event = messages.transaction_event(payload)
    info = payload["transactionInfo"]
    if _NEW.isdisjoint(payload) and _NEW_INFO.isdisjoint(info):
        return event  # most of them
    tariff_id = info.get("tariffId")
    limit = info.get("transactionLimit")
    return replace(
        event,
        operation_mode=optional_word(info.get("operationMode")),
        transaction_limit=None if limit is None else _transaction_limit(limit),
        tariff_id=None if tariff_id is None else tariff_id[:_MAX_TARIFF_ID],
        cost_details=payload.get("costDetails"),
        preconditioning_status=optional_word(payload.get("preconditioningStatus")),
        evse_sleep=payload.get("evseSleep"),
    )


def pull_dynamic_schedule_update(payload: _Payload) -> PullDynamicScheduleUpdate:
    """Read a PullDynamicScheduleUpdateRequest (K28)."""
    profile_id = integer(payload["chargingProfileId"], "/chargingProfileId")
    return PullDynamicScheduleUpdate(profile_id=profile_id)


def _transaction_limit(limit: Mapping[str, Any]) -> TransactionLimit:
    pointer = "/transactionInfo/transactionLimit"
    return TransactionLimit(
        max_cost=_amount(limit, "maxCost", pointer),
        max_energy_wh=_amount(limit, "maxEnergy", pointer),
        max_seconds=optional_integer(limit.get("maxTime"), f"{pointer}/maxTime"),
        max_soc_percent=optional_integer(limit.get("maxSoC"), f"{pointer}/maxSoC"),
    )


def _amount(limit: Mapping[str, Any], name: str, pointer: str) -> float | None:
    amount = limit.get(name)
    if amount is None:
        return None
    if not -_MAX_AMOUNT <= amount <= _MAX_AMOUNT:
        raise invalid(f"{pointer}/{name}", "out of range")
    return float(amount)
