"""The answers to commands, as they are told on MQTT and over HTTP."""

from typing import Any

from bridge.api import payloads
from bridge.api.documents import EVSE_DOCUMENTS, Documents, availability
from bridge.api.team_payloads import TeamResultDocument
from bridge.domain.commands import CommandResult, Refusal
from bridge.domain.ids import STATION_EVSE, StationId
from bridge.domain.model import Evse, Station
from bridge.domain.units import rfc3339


class ResultDocuments:
    """Builds the documents of results."""

    def __init__(self, documents: Documents) -> None:
        """Plug in how the documents are built that `get` asks for."""
        self._documents = documents

    def __call__(
        self, result: CommandResult, station: Station | None, station_id: StationId
    ) -> payloads.ResultDocument | TeamResultDocument:
        """Return the document of a result; `station` is None where there is no record of it."""
        if result.ref.team is not None:
            return _of_team(result, result.ref.team)
        return self._of_station(result, station, station_id)

    def _of_station(
        self, result: CommandResult, station: Station | None, station_id: StationId
    ) -> payloads.ResultDocument:
        ref = result.ref
        facts = None if result.data is None else dict(result.data)
        if result.snapshot is not None and station is not None:
            facts = (facts or {}) | self._snapshot(station, ref.evse_id, result)
        return {
            "v": 1,
            "id": ref.id,
            "cmd": ref.name,
            "status": result.status,
            "code": result.code,
            "ts": rfc3339(result.at),
            "cs": station_id,
            "evse": ref.evse_id,
            "final": result.final,
            "data": facts,
            "error": None if result.refusal is None else error(result.refusal),
        }

    def _snapshot(self, station: Station, evse_id: int, result: CommandResult) -> dict[str, Any]:
        """Return what `get` asked for: of one EVSE, or of the station with all its EVSEs."""
        wanted = result.snapshot or "all"
        found: dict[str, Any] = {}
        if wanted in {"all", "info"}:
            found["info"] = self._documents.station_info(station, result.at)
        if wanted in {"all", "availability"}:
            found["availability"] = availability(station)
        if evse_id != STATION_EVSE:
            return found | self._evse_snapshot(station, station.evses[evse_id], result)
        found["evses"] = {
            str(evse.id): self._evse_snapshot(station, evse, result)
            for evse in station.evses.values()
        }
        return found

    def _evse_snapshot(
        self, station: Station, evse: Evse, result: CommandResult
    ) -> dict[str, Any]:
        return {
            name: self._documents.of_evse(name, station, evse, result.at)
            for name in EVSE_DOCUMENTS
            if result.snapshot in {"all", name}
        }


def _of_team(result: CommandResult, team: str) -> TeamResultDocument:
    return {
        "v": 1,
        "id": result.ref.id,
        "cmd": result.ref.name,
        "status": result.status,
        "code": result.code,
        "ts": rfc3339(result.at),
        "team": team,
        "final": result.final,
        "data": None if result.data is None else dict(result.data),
        "error": None if result.refusal is None else error(result.refusal),
    }


def error(refusal: Refusal) -> payloads.ResultError:
    """Return what a refusal is told as."""
    return {
        "code": refusal.code,
        "message": refusal.message,
        "retryable": refusal.retryable,
        "details": dict(refusal.details),
    }
