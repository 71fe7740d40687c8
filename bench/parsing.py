"""Parse and validate one TransactionEvent: the `ocpp` package's way, compiled schemas, the bridge.

CPU time per event in this process, best of several rounds. The only place where the benchmark
imports the bridge: its codec and validation, and with them the mapping to a domain event.
"""

import json
import time
from collections.abc import Callable
from importlib.resources import files
from typing import Any, Final

import jsonschema_rs
import orjson
from ocpp.charge_point import camel_to_snake_case
from ocpp.messages import get_validator, unpack

from bench.frames import UpdatedEvents
from bridge.ocpp import frames
from bridge.ocpp.actions import Translator
from bridge.ocpp.frames import Call
from bridge.ocpp.v201.version import V201
from bridge.ocpp.validation import Schemas

_REQUEST: Final = "TransactionEventRequest"
_ROUNDS: Final = 7
_ROUND_SECONDS: Final = 0.15

Parse = Callable[[], object]


def parsing_costs() -> dict[str, float]:
    """Return CPU microseconds per event of each way, for this package's 1.2 kB event."""
    frame = UpdatedEvents("tx-BENCH0001").render("BENCH0001-00000001", 5, 302_999).decode()
    ways = {
        "ocpp": _ocpp_way(frame),
        "orjson+jsonschema-rs": _compiled_way(frame),
        "bridge": _bridge_way(frame),
        "bridge, with the domain event": _bridge_mapping_way(frame),
    }
    return {name: _cost_us(parse) for name, parse in ways.items()}


def _cost_us(parse: Parse) -> float:
    began = time.process_time()
    parse()
    once = max(time.process_time() - began, 1e-6)
    count = max(10, int(_ROUND_SECONDS / once))
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.process_time()
        for _ in range(count):
            parse()
        best = min(best, (time.process_time() - began) / count)
    return best * 1e6


def _ocpp_way(frame: str) -> Parse:
    def parse() -> object:
        message: Any = unpack(frame)
        get_validator(message.message_type_id, message.action, "2.0.1").validate(message.payload)
        return camel_to_snake_case(message.payload)

    parse()
    return parse


def _compiled_way(frame: str) -> Parse:
    text = files("ocpp.v201").joinpath(f"schemas/{_REQUEST}.json").read_text("utf-8-sig")
    validator = jsonschema_rs.validator_for(json.loads(text))

    def parse() -> object:
        message = orjson.loads(frame)
        validator.validate(message[3])
        return message

    parse()
    return parse


def _bridge_way(frame: str) -> Parse:
    schemas = Schemas(V201.schemas)
    text = frame.encode()

    def parse() -> object:
        call = frames.parse(text)
        if not isinstance(call, Call) or schemas.violation(_REQUEST, call.payload):
            raise ValueError("the benchmark's own event is not valid")
        return call

    parse()
    return parse


def _bridge_mapping_way(frame: str) -> Parse:
    translator = Translator(V201)
    text = frame.encode()

    def parse() -> object:
        found = translator.quick(text)
        if found is None:
            raise ValueError("the benchmark's own event is not one of the frequent ones")
        return found

    parse()
    return parse
