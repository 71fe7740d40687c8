"""OCPP 2.0.1: the actions of OCPP 2.x, and nothing beside them."""

from typing import Final

from bridge.ocpp.actions import OcppVersion
from bridge.ocpp.v2.frequent import transaction_events
from bridge.ocpp.v2.requests import WRITERS, request_writer
from bridge.ocpp.v2.results import read_result
from bridge.ocpp.v2.table import CSMS_ACTIONS, STATION_ACTIONS

V201: Final = OcppVersion(
    name="2.0.1",
    subprotocol="ocpp2.0.1",
    schemas="ocpp.v201.schemas",
    station_actions=STATION_ACTIONS,
    frequent={"TransactionEvent": transaction_events},
    csms_actions=CSMS_ACTIONS,
    error_names={},
    compression=True,
    write_request=request_writer("2.0.1", WRITERS),
    read_result=read_result,
)
