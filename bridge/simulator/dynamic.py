"""Dynamic profiles: the station asks for their limit as often as they say (OCPP 2.1, K28)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from bridge.simulator.profile_store import ProfileStore
from bridge.simulator.profiles import ProfileRejectedError
from bridge.simulator.wire import JsonObject

PULL = "PullDynamicScheduleUpdate"


@dataclass(slots=True, kw_only=True)
class DynamicProfiles:
    """When each of them was asked about."""

    profiles: ProfileStore
    say: Callable[[str, JsonObject], None]
    """Queue a CALL."""
    _asked: dict[int, datetime] = field(default_factory=dict)

    def tick(self, now: datetime, *, heard: bool) -> None:
        """Ask where it is time and the CSMS can hear it."""
        dynamic = {
            item.profile.profile_id: item
            for item in self.profiles.select(lambda item: item.profile.update_interval is not None)
        }
        self._asked = {number: self._asked.get(number, dynamic[number].at) for number in dynamic}
        for number, item in dynamic.items():
            interval = item.profile.update_interval
            if heard and interval is not None and now >= self._asked[number] + interval:
                self._asked[number] = now
                self.say(PULL, {"chargingProfileId": number})

    def answered(self, question: JsonObject, answer: JsonObject, now: datetime) -> None:
        """Take in the limit that was asked for; without one the old limit stays."""
        if answer["status"] != "Accepted" or "scheduleUpdate" not in answer:
            return
        try:
            self.profiles.update_dynamic(
                question["chargingProfileId"], answer["scheduleUpdate"], now
            )
        except ProfileRejectedError:
            return  # cleared in the meantime, or without a limit
