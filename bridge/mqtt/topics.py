"""Every topic is a row of one table; publisher, subscriber, AsyncAPI and docs read it.

A station's identity becomes one topic segment by an escaping that is injective and canonical:
every byte of its UTF-8 form outside `[A-Za-z0-9_-]` is written `=HH` with upper-case digits. So no
station can inject `/ + # $`, a control character or a `.`, and no two spellings mean one station
(mqtt-api.md; security.md, threat 6).
"""

import re
from functools import lru_cache
from typing import Final

from bridge.api import commands, event_payloads, payloads, team_payloads
from bridge.api.incoming import CommandAddress
from bridge.domain.ids import STATION_EVSE, StationId
from bridge.mqtt.rows import EVSE_ADDRESS, Direction, TopicRow
from bridge.mqtt.rows_at_home import (
    DISCOVERY_DEVICE,
    DISCOVERY_ENTITY,
    HOME_ASSISTANT_STATUS,
    VALUES,
)
from bridge.mqtt.rows_of_a_secc import SECC_ROWS

__all__ = ["VALUES", "Direction", "TopicRow"]  # what others take from here, too

MAX_TOPIC_BYTES: Final = 256
"""The least that brokers in use accept (AWS IoT Core)."""
MAX_CONTROLLER_LENGTH: Final = 32
EVENT_EXPIRY_SECONDS: Final = 86_400
RESULT_EXPIRY_SECONDS: Final = 300
METER_EXPIRY_SECONDS: Final = 60

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]*")
_CANONICAL: Final = re.compile(r"(?:[A-Za-z0-9_-]|=[0-9A-F]{2})+")
_TO_ESCAPE: Final = re.compile(rb"[^A-Za-z0-9_-]")
_ESCAPED: Final = re.compile(r"=([0-9A-F]{2})")
_CONTROLLER: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_CONTROLLER_LENGTH}}}")
_COMMAND_DEPTH: Final = 5
"""Segments of a command's topic below `cs`."""
_TEAM_DEPTH: Final = 4
"""Segments of a command's topic below `team`."""
_COMMAND_KINDS: Final = ("cmd", "set")
_EVSE: Final = re.compile(r"0|[1-9][0-9]{0,5}")


class TopicError(ValueError):
    """A topic segment is not one that the bridge writes; the message says what is wrong."""


@lru_cache(maxsize=16_384)
def escape(text: str) -> str:
    """Return `text` as one topic segment: `DE*ABC*E1` becomes `DE=2AABC=2AE1`.

    Lone surrogates, which have no UTF-8 form, are written as their three generalised bytes.
    """
    if _PLAIN.fullmatch(text):
        return text
    raw = text.encode("utf-8", "surrogatepass")
    return _TO_ESCAPE.sub(lambda match: b"=%02X" % match.group()[0], raw).decode("ascii")


@lru_cache(maxsize=16_384)
def unescape(segment: str) -> str:
    """Return the text of which `segment` is the canonical escaping.

    Raises:
        TopicError: `segment` is empty, not canonical, or no UTF-8.
    """
    if not _CANONICAL.fullmatch(segment):
        raise TopicError(
            f"{segment!r} must consist of A-Z a-z 0-9 _ - and =HH with upper-case digits"
        )
    raw = _ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), segment).encode("latin-1")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise TopicError(f"{segment!r} does not decode to UTF-8") from None
    canonical = escape(text)
    if canonical != segment:
        raise TopicError(f"{segment!r} must be written {canonical!r}")
    return text


_COMMAND_ADDRESS: Final = EVSE_ADDRESS + "/cmd/{controller}/"
_SCALAR_ADDRESS: Final = EVSE_ADDRESS + "/set/{controller}/"
_TEAM_ADDRESS: Final = "{root}/v1/team/{team}"

BRIDGE_STATE: Final = TopicRow(
    name="bridgeState",
    address="{root}/v1/bridge/{b}/state",
    payload=payloads.Presence,
    qos=1,
    retain=True,
    json=False,
    description="Whether the bridge is connected; `offline` is also its Will.",
)
BRIDGE_INFO: Final = TopicRow(
    name="bridgeInfo",
    address="{root}/v1/bridge/{b}/info",
    payload=payloads.BridgeInfo,
    qos=1,
    retain=True,
    description="Version, schema version and what the broker can do. On change.",
)
AVAILABILITY: Final = TopicRow(
    name="availability",
    address="{root}/v1/cs/{cs}/availability",
    payload=payloads.Presence,
    qos=1,
    retain=True,
    json=False,
    description="Whether the station is connected to the bridge. On change.",
)
STATION_INFO: Final = TopicRow(
    name="stationInfo",
    address="{root}/v1/cs/{cs}/info",
    payload=payloads.StationInfo,
    qos=1,
    retain=True,
    description="Who the station is: raw id, BootNotification, OCPP version, EVSEs. On change.",
)
STATE: Final = TopicRow(
    name="state",
    address=EVSE_ADDRESS + "/state",
    payload=payloads.StateDocument,
    qos=1,
    retain=True,
    description="What the EVSE does now. On change.",
)
SECC: Final = TopicRow(
    name="secc",
    address=EVSE_ADDRESS + "/secc",
    payload=payloads.SeccDocument,
    qos=1,
    retain=True,
    description="The EVSE as a charge controller (SECC) reports it. On change.",
)
TRANSACTION: Final = TopicRow(
    name="transaction",
    address=EVSE_ADDRESS + "/transaction",
    payload=payloads.TransactionDocument,
    qos=1,
    retain=True,
    description="The running or the last transaction. On change; energy alone at most once a second.",
)
ALLOCATION: Final = TopicRow(
    name="allocation",
    address=EVSE_ADDRESS + "/allocation",
    payload=payloads.AllocationDocument,
    qos=1,
    retain=True,
    spacing_seconds=10.0,
    description="Who controls the charging current, and with which limit. On change; the measured "
    "current alone at most every 10 s.",
)
METER: Final = TopicRow(
    name="meter",
    address=EVSE_ADDRESS + "/meter",
    payload=payloads.MeterDocument,
    qos=0,
    retain=True,
    expiry_seconds=METER_EXPIRY_SECONDS,
    description="Latest readings, normalised. At most once a second.",
)
EVENT_TRANSACTION: Final = TopicRow(
    name="eventTransaction",
    address=EVSE_ADDRESS + "/event/transaction",
    payload=event_payloads.TransactionEventDocument,
    qos=1,
    retain=False,
    expiry_seconds=EVENT_EXPIRY_SECONDS,
    description="A TransactionEvent. Each once; `id` is stable where it is delivered again.",
)
EVENT_STATUS: Final = TopicRow(
    name="eventStatus",
    address=EVSE_ADDRESS + "/event/status",
    payload=event_payloads.StatusEventDocument,
    qos=1,
    retain=False,
    expiry_seconds=EVENT_EXPIRY_SECONDS,
    description="A connector changed its status.",
)
EVENT_ALLOCATION: Final = TopicRow(
    name="eventAllocation",
    address=EVSE_ADDRESS + "/event/allocation",
    payload=event_payloads.AllocationEventDocument,
    qos=1,
    retain=False,
    expiry_seconds=EVENT_EXPIRY_SECONDS,
    description="Another source is in control, or another current is offered, and why.",
)
EVENT_FAULT: Final = TopicRow(
    name="eventFault",
    address=EVSE_ADDRESS + "/event/fault",
    payload=event_payloads.FaultEventDocument,
    qos=1,
    retain=False,
    expiry_seconds=EVENT_EXPIRY_SECONDS,
    description="The bridge has observed that something is wrong with the EVSE.",
)
EVENT_AUTHORIZE: Final = TopicRow(
    name="eventAuthorize",
    address=EVSE_ADDRESS + "/event/authorize",
    payload=event_payloads.AuthorizeEventDocument,
    qos=1,
    retain=False,
    expiry_seconds=RESULT_EXPIRY_SECONDS,
    description="Controllers are asked whether a token may charge, and what has come of it. Only "
    'where `authorize` is `"ask"`.',
)
EVENT_SECURITY: Final = TopicRow(
    name="eventSecurity",
    address=EVSE_ADDRESS + "/event/security",
    payload=event_payloads.SecurityEventDocument,
    qos=1,
    retain=False,
    expiry_seconds=EVENT_EXPIRY_SECONDS,
    description="Something concerns the identity or the security of the station (EVSE 0): a second"
    " connection, a failed login, or what the station itself reports.",
)
RESULT: Final = TopicRow(
    name="result",
    address=EVSE_ADDRESS + "/res/{controller}/{command}",
    payload=payloads.ResultDocument,
    qos=1,
    retain=False,
    expiry_seconds=RESULT_EXPIRY_SECONDS,
    description="Answer to a command: any number of `accepted`, then exactly one final one.",
)
RAW: Final = TopicRow(
    name="raw",
    address="{root}/v1/raw/{cs}/{direction}/{action}",
    payload=payloads.RawFrame,
    qos=0,
    retain=False,
    description="An OCPP frame as it went over the wire, secrets masked. Off by default.",
)


TEAM_STATE: Final = TopicRow(
    name="teamState",
    address=_TEAM_ADDRESS + "/state",
    payload=team_payloads.TeamDocument,
    qos=1,
    retain=True,
    description="A team: its total, who set it, everybody's share. At most once a second.",
)
TEAM_RESULT: Final = TopicRow(
    name="teamResult",
    address=_TEAM_ADDRESS + "/res/{controller}/{command}",
    payload=team_payloads.TeamResultDocument,
    qos=1,
    retain=False,
    expiry_seconds=RESULT_EXPIRY_SECONDS,
    description="Answer to a command to a team, as `result`.",
)


def _command_row(name: str) -> TopicRow:
    model = commands.COMMAND_MODELS[name]
    return TopicRow(
        name=f"command{name[0].upper()}{name[1:]}",
        address=_COMMAND_ADDRESS + name,
        payload=model,
        qos=1,
        retain=False,
        direction=Direction.TO_BRIDGE,
        reply=RESULT.name,
        description=model.summary(),
    )


def _team_row(name: str) -> TopicRow:
    model = commands.TEAM_MODELS[name]
    return TopicRow(
        name=f"team{name[0].upper()}{name[1:]}",
        address=f"{_TEAM_ADDRESS}/cmd/{{controller}}/{name}",
        payload=model,
        qos=1,
        retain=False,
        direction=Direction.TO_BRIDGE,
        reply=TEAM_RESULT.name,
        description=model.summary(),
    )


def _scalar_row(name: str) -> TopicRow:
    scalar = commands.SCALARS[name]
    return TopicRow(
        name=f"set{name[0].upper()}{name[1:]}",
        address=_SCALAR_ADDRESS + name,
        payload=scalar.payload,
        qos=1,
        retain=False,
        json=False,
        direction=Direction.TO_BRIDGE,
        reply=RESULT.name,
        description=scalar.description,
    )


TOPICS: Final = (
    BRIDGE_STATE,
    BRIDGE_INFO,
    AVAILABILITY,
    STATION_INFO,
    STATE,
    SECC,
    TRANSACTION,
    ALLOCATION,
    METER,
    EVENT_TRANSACTION,
    EVENT_STATUS,
    EVENT_ALLOCATION,
    EVENT_FAULT,
    EVENT_SECURITY,
    EVENT_AUTHORIZE,
    *map(_command_row, commands.COMMAND_MODELS),
    *map(_scalar_row, commands.SCALARS),
    *VALUES,
    RESULT,
    TEAM_STATE,
    *map(_team_row, commands.TEAM_MODELS),
    TEAM_RESULT,
    RAW,
    DISCOVERY_DEVICE,
    DISCOVERY_ENTITY,
    HOME_ASSISTANT_STATUS,
    *SECC_ROWS.values(),
)
"""The whole MQTT API."""

STATION_ROWS: Final = (AVAILABILITY, STATION_INFO)
"""Retained documents of a station."""
EVSE_ROWS: Final = (STATE, SECC, TRANSACTION, ALLOCATION, METER)
"""Retained documents of an EVSE."""


class Topics:
    """The topic table under one root, e.g. `ocpp`."""

    def __init__(self, root: str, bridge_id: str, prefix: str = "homeassistant") -> None:
        self.root = root
        self.bridge_id = bridge_id
        self._fixed = {"{root}": root, "{b}": escape(bridge_id), "{prefix}": prefix}
        self._templates = {row.name: self._filled(row.address) for row in TOPICS}
        self._depth = len(f"{root}/v1/cs".split("/"))

    def _filled(self, address: str) -> str:
        for parameter, value in self._fixed.items():
            address = address.replace(parameter, value)
        return address

    def bridge(self, row: TopicRow) -> str:
        """Return the topic of a document of this bridge."""
        return self._templates[row.name]

    def station(self, row: TopicRow, station_id: StationId, evse_id: int = STATION_EVSE) -> str:
        """Return the topic of a document or an event of a station or one of its EVSEs."""
        return self._templates[row.name].format(cs=escape(station_id), e=evse_id)

    def result(self, station_id: StationId, evse_id: int, controller: str, command: str) -> str:
        """Return where the result of a command goes; names that no one may have are escaped."""
        return self._templates[RESULT.name].format(
            cs=escape(station_id),
            e=evse_id,
            controller=escape(controller),
            command=escape(command),
        )

    def raw(self, station_id: StationId, direction: str, action: str) -> str:
        """Return where a raw frame goes; `direction` is `rx` (from the station) or `tx`."""
        return self._templates[RAW.name].format(
            cs=escape(station_id), direction=direction, action=escape(action)
        )

    def team(self, row: TopicRow, team: str) -> str:
        """Return the topic of a document of a team."""
        return self._templates[row.name].format(team=escape(team))

    def team_result(self, team: str, controller: str, command: str) -> str:
        """Return where the result of a command to a team goes."""
        return self._templates[TEAM_RESULT.name].format(
            team=escape(team), controller=escape(controller), command=escape(command)
        )

    def below_evse(self, station_id: StationId, evse_id: int, rest: str) -> str:
        """Return the topic of something below an EVSE."""
        return self._filled(EVSE_ADDRESS).format(cs=escape(station_id), e=evse_id) + f"/{rest}"

    def discovery_device(self, object_id: str) -> str:
        """Return where Home Assistant is told of a device as a whole."""
        return self._templates[DISCOVERY_DEVICE.name].format(object=object_id)

    def discovery_entity(self, platform: str, object_id: str, component: str) -> str:
        """Return where Home Assistant is told of one entity of a device."""
        return self._templates[DISCOVERY_ENTITY.name].format(
            platform=platform, object=object_id, component=component
        )

    @property
    def discovery_filters(self) -> tuple[str, ...]:
        """Topic filters of what Home Assistant is told, by us and by others."""
        return self.discovery_device("+"), self.discovery_entity("+", "+", "+")

    @property
    def home_assistant_status(self) -> str:
        """Topic of Home Assistant's birth message."""
        return self._templates[HOME_ASSISTANT_STATUS.name]

    @property
    def command_filters(self) -> tuple[str, ...]:
        """Topic filters that catch all commands to all stations and teams."""
        below = f"{self.root}/v1/cs/+/+"
        return f"{below}/cmd/+/+", f"{below}/set/+/+", f"{self.root}/v1/team/+/cmd/+/+"

    @property
    def station_info_filter(self) -> str:
        """Topic filter of all stations' info documents, of every bridge under this root."""
        return f"{self.root}/v1/cs/+/info"

    @property
    def value_filter(self) -> str:
        """Topic filter of all single values of all stations, of every bridge under this root."""
        return f"{self.root}/v1/cs/+/+/val/+"

    def below_station(self, segment: str) -> str:
        """Return the filter of everything below a station, by its escaped id."""
        return f"{self.root}/v1/cs/{segment}/#"

    def station_segment(self, topic: str) -> str:
        """Return the escaped station id out of a topic below `cs`."""
        return topic.split("/")[self._depth]

    def client_prefix(self, controller: str) -> str:
        """Return the prefix below which a controller may have its Response Topic."""
        return f"{self.root}/v1/client/{controller}/"

    def is_command(self, topic: str) -> bool:
        """Say whether a topic matches one of `command_filters`."""
        segments = topic.split("/")
        if segments[self._depth - 1 : self._depth] == ["team"]:
            return len(segments) == self._depth + _TEAM_DEPTH and segments[-3] == "cmd"
        return len(segments) == self._depth + _COMMAND_DEPTH and segments[-3] in _COMMAND_KINDS

    def parse_command(self, topic: str) -> CommandAddress:
        """Read a topic that matched one of `command_filters`.

        What is not well-formed is reported in `problem`, with names as they were written, so that
        the sender can be told.
        """
        segments = topic.split("/")[self._depth :]
        if len(segments) == _TEAM_DEPTH:
            return _team_command(*segments)
        station, evse, kind, controller, name = segments
        pointer, problem = _topic_problem(station, evse, controller)
        return CommandAddress(
            station_id=StationId(station if pointer == "station" else unescape(station)),
            evse_id=int(evse) if _EVSE.fullmatch(evse) else STATION_EVSE,
            controller=controller[:MAX_CONTROLLER_LENGTH],
            name=name,
            scalar=kind == "set",
            problem=problem,
            pointer=pointer,
        )


def _team_command(team: str, _kind: str, controller: str, name: str) -> CommandAddress:
    pointer, problem = _controller_problem(controller)
    return CommandAddress(
        station_id=StationId(""),
        evse_id=STATION_EVSE,
        controller=controller[:MAX_CONTROLLER_LENGTH],
        name=name,
        scalar=False,
        problem=problem,
        pointer=pointer,
        team=team,
    )


def _topic_problem(station: str, evse: str, controller: str) -> tuple[str | None, str | None]:
    try:
        unescape(station)
    except TopicError as error:
        return "station", f"the station id in the topic is not canonical: {error}"
    if not _EVSE.fullmatch(evse):
        return "evse", f"the EVSE id in the topic must be a number without leading zeros: {evse!r}"
    return _controller_problem(controller)


def _controller_problem(controller: str) -> tuple[str | None, str | None]:
    if not _CONTROLLER.fullmatch(controller):
        return "controller", (
            f"the controller's name in the topic must be 1 to {MAX_CONTROLLER_LENGTH} "
            f"of A-Z a-z 0-9 _ -: {controller[:MAX_CONTROLLER_LENGTH]!r}"
        )
    return None, None
