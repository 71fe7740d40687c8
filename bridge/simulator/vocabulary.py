"""What a CSMS may ask of the station in one version of OCPP, as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bridge.simulator.station import StationModel
from bridge.simulator.wire import JsonObject

Handler = Callable[[StationModel, JsonObject, datetime], JsonObject]
"""Carries out one CALL and returns the payload of its CALLRESULT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The actions of one version, and how what is wrong with a frame is told in it."""

    handlers: Mapping[str, Handler]
    not_supported: frozenset[str]
    """Actions of the version that the station knows and does not carry out."""
    before_acceptance: frozenset[str]
    """What a CSMS may ask while the boot is pending."""
    rejected_while_pending: Mapping[str, JsonObject]
    """What is answered so, instead of with an error, until then."""
    error_codes: Mapping[str, str] = field(default_factory=dict)
    """The names of error codes that are not those of OCPP 2.0.1."""
    refuses_frames: bool = True
    """Whether a frame that is no message gets a CALLERROR."""
    ignores_unknown_types: bool = False
    """Whether a message of an unknown type is ignored all the same."""
    tells_bad_results: bool = False
    """Whether a CALLRESULT that breaks the schema is answered with a CALLRESULTERROR."""
