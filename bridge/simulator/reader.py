"""The card reader: asking for the verdict on a token, and deciding where nobody can be asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bridge.simulator.evse import Evse
from bridge.simulator.transaction import Authorization, StoppedReason, Trigger
from bridge.simulator.variables import Variables

ACCEPTED = "Accepted"


@dataclass(slots=True, kw_only=True)
class Reader:
    """All that a station knows about tokens."""

    variables: Variables
    evses: Mapping[int, Evse]
    ask_csms: Callable[[Authorization, int], bool]
    """Queue the question about an authorization at an EVSE; False: the CSMS cannot be asked."""
    list_version: int = 0
    """Of the local authorization list; 0: there is none (1.6, 5.10)."""
    local_list: dict[str, str] = field(default_factory=dict)
    """Status of each token in the local authorization list."""
    _asked: dict[int, Authorization] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)

    def present(self, evse: Evse, text: str, now: datetime) -> None:
        """Hold a card to the reader: stop what it began, or ask whether it may begin (C01)."""
        if evse.authorization is not None:
            if evse.authorization.id_token["idToken"] == text:
                evse.stop(Trigger.STOP_AUTHORIZED, StoppedReason.LOCAL, now)
        elif evse.free and evse.is_for(text) and not self.is_asking(evse):
            authorization = Authorization(
                id_token={"idToken": text, "type": "ISO14443"},
                trigger=Trigger.AUTHORIZED,
                expires_at=self.expiry(now),
            )
            self.ask(evse, authorization, now)

    def ask(self, evse: Evse, authorization: Authorization, now: datetime) -> None:
        """Ask the CSMS for its verdict on a token, or decide where it cannot be asked."""
        self._asked[evse.evse_id] = authorization
        if not self.ask_csms(authorization, evse.evse_id):
            self.decide(evse.evse_id, now)

    def is_asking(self, evse: Evse) -> bool:
        """Whether the verdict on a token is awaited."""
        return evse.evse_id in self._asked

    def answered(self, evse_id: int, status: str, now: datetime) -> None:
        """Take in the verdict of the CSMS."""
        authorization = self._asked.pop(evse_id, None)
        if authorization is None:
            return
        text = authorization.id_token["idToken"]
        if status == ACCEPTED:
            self._known.add(text)
            self._grant(self.evses[evse_id], authorization, now)
        else:
            self._known.discard(text)

    def decide(self, evse_id: int, now: datetime) -> None:
        """Accept a token that is known, or any where the station may (C12, C13, C15)."""
        authorization = self._asked.pop(evse_id, None)
        if authorization is None:
            return
        text = authorization.id_token["idToken"]
        listed = self.local_list.get(text)
        known = (text in self._known) if listed is None else listed == ACCEPTED
        cached = known and self.variables.flag("AuthCtrlr", "LocalAuthorizeOffline")
        unknown = listed is None and self.variables.flag(
            "AuthCtrlr", "OfflineTxForUnknownIdEnabled"
        )
        if cached or unknown:
            self._grant(self.evses[evse_id], authorization, now)

    def decide_all(self, now: datetime) -> None:
        """Decide all that was asked on a connection that is gone."""
        for evse_id in list(self._asked):
            self.decide(evse_id, now)

    def give_up(self, evse: Evse) -> None:
        """Wait no longer for a verdict: the driver is gone."""
        self._asked.pop(evse.evse_id, None)

    def forget(self, text: str) -> None:
        """Do not accept a token any longer where nobody can be asked."""
        self._known.discard(text)

    def clear_cache(self) -> None:
        """Forget which tokens were accepted (C11)."""
        self._known.clear()

    def expiry(self, now: datetime) -> datetime:
        """Return when an authorization given now is over, unless a car comes."""
        timeout_s = self.variables.number("TxCtrlr", "EVConnectionTimeOut")
        return now + timedelta(seconds=timeout_s)

    def _grant(self, evse: Evse, authorization: Authorization, now: datetime) -> None:
        if evse.free:
            evse.authorize(replace(authorization, expires_at=self.expiry(now)), now)
