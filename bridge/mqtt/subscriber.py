"""Commands from MQTT: each is handed in, or answered with what is wrong with it.

Theory of operation. A message passes the checks of mqtt-api.md, "Refused", in this order: whether
it can be answered at all, retained, size, rate, what it says (`bridge.api.incoming`), rights. It
is acknowledged to the broker when the journal has it, or has its refusal; what could not be
written stays unacknowledged, and the broker delivers it again with the next connection.
"""

import logging
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol

from bridge.api import incoming
from bridge.api.incoming import Accepted, Arrival, CommandAddress, Refused
from bridge.api.rate_limit import BURST, RATE_PER_SECOND, RateLimit
from bridge.api.rights import permitted
from bridge.domain.commands import Refusal, ResultCode
from bridge.mqtt.settings import MqttSettings
from bridge.mqtt.topics import MAX_TOPIC_BYTES, Topics
from bridge.mqtt.traffic import Incoming, OnDone, Outgoing, PublishOutcome
from bridge.ports import Clock, IdSource, Inbox, Metrics

_log = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 65_536
MAX_CORRELATION_BYTES: Final = 1024
"""Correlation Data is kept with the command; longer ones are refused."""
CLEARING_LIMIT: Final = 10_000
"""Retained commands that may wait to be cleared; further ones are at the next connect."""
GIVEN_IDS: Final = 1000
"""How many commands without an id are remembered, should they come again."""
COMPLAINT_SECONDS: Final = 60.0
"""Least time between two log lines about messages that cannot be answered."""
_WILDCARDS: Final = frozenset("+#")
_FIRST_PRINTABLE: Final = " "
_DELETE: Final = "\x7f"


class SubscriberLink(Protocol):
    """What the subscriber needs of `bridge.mqtt.link.Link`."""

    def publish(self, message: Outgoing, on_done: OnDone) -> bool:
        """Send a message; False, without `on_done` ever being called, where there is no room."""

    def subscribe(self, filters: Sequence[str], *, retained: bool = True) -> None:
        """Subscribe; retained messages that match are delivered."""

    def acknowledge(self, message: Incoming) -> None:
        """Tell the broker that a message was taken."""


class Subscriber:
    """Takes commands from the link and hands them in; a `LinkListener`."""

    def __init__(
        self,
        *,
        link: SubscriberLink,
        inbox: Inbox,
        topics: Topics,
        settings: MqttSettings,
        clock: Clock,
        ids: IdSource,
        metrics: Metrics,
    ) -> None:
        """Plug in the ports; `link.add_listener(subscriber)` is the caller's part."""
        self._link = link
        self._inbox = inbox
        self._topics = topics
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._rate = RateLimit(clock)
        self._to_clear: deque[str] = deque(maxlen=CLEARING_LIMIT)
        self._complained_at = float("-inf")
        self._given_ids: dict[tuple[int, str, int], str] = {}
        """Ids given to commands that had none, by packet identifier, topic and hash of the body."""

    # --- LinkListener -----------------------------------------------------------------------

    def on_connected(self, *, session_present: bool) -> None:  # noqa: ARG002  # cheap, so always
        """Subscribe, retained ones included: they are to be refused and cleared."""
        self._to_clear.clear()
        self._link.subscribe(self._topics.command_filters, retained=True)

    def on_disconnected(self, reason: str) -> None:
        """Nothing is to be done: what is under way is answered by way of the outbox."""

    def on_writable(self) -> None:
        """Clear retained commands that had to wait."""
        while self._to_clear and self._cleared(self._to_clear[0]):
            self._to_clear.popleft()

    def on_message(self, message: Incoming) -> None:
        """Take a command; other topics are somebody else's."""
        if not self._topics.is_command(message.topic):
            return
        if not message.payload:  # the sender, or we, have cleared a retained one
            self._link.acknowledge(message)
            return
        self._metrics.count("mqtt.commands")
        if message.retain:
            self._clear(message.topic)
        if len(message.topic.encode()) > MAX_TOPIC_BYTES:
            self._drop(message)
            return
        self._take(message)

    # --- a command --------------------------------------------------------------------------

    def _take(self, message: Incoming) -> None:
        arrival = self._arrival(message)
        verdict = self._judge(message, arrival)
        on_durable = partial(self._settled, message)
        station_id = arrival.address.station_id
        if isinstance(verdict, Refused):
            self._metrics.count("mqtt.commands_refused")
            self._inbox.refuse(
                station_id, verdict.ref, verdict.refusal, on_durable, verdict.body_hash
            )
        else:
            self._inbox.command(station_id, verdict.command, verdict.body_hash, on_durable)

    def _arrival(self, message: Incoming) -> Arrival:
        address = self._topics.parse_command(message.topic)
        response_topic = message.response_topic
        if response_topic is not None and not self._may_answer_at(response_topic, address):
            self._metrics.count("mqtt.response_topics_refused")
            response_topic = None
        correlation = message.correlation
        if correlation is not None and len(correlation) > MAX_CORRELATION_BYTES:
            correlation = None
        return Arrival(
            address=address,
            payload=message.payload,
            received_at=self._clock.now(),
            fresh_id=self._given_id(message),
            response_topic=response_topic,
            correlation=correlation,
        )

    def _given_id(self, message: Incoming) -> str:
        """Return the id of a command that has none: for one that comes again, that of before.

        Else a `start` whose acknowledgement was lost with the connection would be a second one.
        """
        _, packet_id = message.ack_id
        key = (packet_id, message.topic, hash(message.payload))
        earlier = self._given_ids.pop(key, None)
        given = earlier if earlier and message.duplicate else self._ids.new_id()
        if packet_id:
            self._given_ids[key] = given
            if len(self._given_ids) > GIVEN_IDS:
                del self._given_ids[next(iter(self._given_ids))]
        return given

    def _may_answer_at(self, response_topic: str, address: CommandAddress) -> bool:
        """Say whether a Response Topic is below the controller's own place.

        Whoever asks must not have a privileged bridge write where it may not write itself.
        """
        prefix = self._topics.client_prefix(address.controller)
        return (
            address.problem is None
            and response_topic.startswith(prefix)
            and len(prefix) < len(response_topic)
            and len(response_topic.encode("utf-8", "replace")) <= MAX_TOPIC_BYTES
            and not _WILDCARDS.intersection(response_topic)
            and all(_FIRST_PRINTABLE <= character != _DELETE for character in response_topic)
        )

    def _judge(self, message: Incoming, arrival: Arrival) -> Accepted | Refused:
        """Return the command, or the first thing that is wrong with it."""
        if not self._rate.allows(arrival.address.controller):
            return _refused(
                arrival,
                ResultCode.RATE_LIMITED,
                f"more than {RATE_PER_SECOND:.0f} commands per second "
                f"({BURST:.0f} at once) from this controller",
            )
        if len(message.payload) > MAX_BODY_BYTES:
            return _refused(
                arrival,
                ResultCode.INVALID_JSON,
                f"the payload has {len(message.payload)} bytes, at most {MAX_BODY_BYTES} are read",
            )
        rules = self._settings.rules
        verdict = incoming.read(
            arrival, require_ts=rules.require_ts, require_ttl=rules.require_ttl
        )
        if message.retain:
            return _retained(verdict)
        if message.correlation is not None and arrival.correlation is None:
            return _refused(
                arrival,
                ResultCode.INVALID_ARGUMENT,
                f"Correlation Data may have {MAX_CORRELATION_BYTES} bytes",
            )
        if isinstance(verdict, Refused):
            return verdict
        return permitted(verdict, arrival.address.station_id, rules)

    # --- afterwards -------------------------------------------------------------------------

    def _settled(self, message: Incoming, durable: bool) -> None:  # noqa: FBT001  # as in the port
        if durable:
            self._link.acknowledge(message)
        else:
            self._metrics.count("mqtt.commands_not_stored")

    def _drop(self, message: Incoming) -> None:
        """Take leave of a message whose answer would have no topic."""
        self._metrics.count("mqtt.commands_unanswerable")
        now = self._clock.monotonic()
        if now >= self._complained_at + COMPLAINT_SECONDS:
            self._complained_at = now
            _log.warning(
                "commands dropped that cannot be answered: their topics are too long",
                extra={"topic": message.topic[:MAX_TOPIC_BYTES]},
            )
        self._link.acknowledge(message)

    # --- retained commands ------------------------------------------------------------------

    def _clear(self, topic: str) -> None:
        """Take a retained command off the broker, else it comes again with every connection."""
        self._metrics.count("mqtt.commands_retained")
        if self._to_clear or not self._cleared(topic):
            self._to_clear.append(topic)

    def _cleared(self, topic: str) -> bool:
        return self._link.publish(
            Outgoing(topic=topic, payload=b"", retain=True), self._on_cleared
        )

    def _on_cleared(self, outcome: PublishOutcome, reason: str) -> None:
        if outcome is PublishOutcome.REFUSED:
            self._metrics.count("mqtt.commands_not_cleared")
            _log.warning(
                "a retained command could not be cleared: the bridge needs the right to write "
                "to command topics",
                extra={"reason": reason},
            )


def _refused(arrival: Arrival, code: ResultCode, message: str) -> Refused:
    return Refused(ref=incoming.reference(arrival), refusal=Refusal(code=code, message=message))


def _retained(verdict: Accepted | Refused) -> Refused:
    """Refuse a command for being retained, under the id that it names."""
    ref = verdict.ref if isinstance(verdict, Refused) else verdict.command.ref
    refusal = Refusal(
        code=ResultCode.RETAINED_COMMAND,
        message="commands must not be retained: publish it with retain = false",
    )
    return Refused(ref=ref, refusal=refusal, body_hash=verdict.body_hash)
