"""What is stored comes back equal, whatever the model can hold."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import NODEFAULT, Struct, to_builtins
from msgspec.structs import fields

from bridge.domain.commands import CommandResult
from bridge.domain.ids import StationId
from bridge.domain.model import (
    Connector,
    Evse,
    EvseView,
    KeptLimit,
    Meter,
    PendingRemote,
    Station,
    Transaction,
)
from bridge.ports import StoreError
from bridge.store.codec import decode_result, decode_station, encode, encode_time
from tests.domain_strategies import records
from tests.records import replace
from tests.store_records import result, station

LEFT_OUT: Final = (
    Connector,
    Evse,
    EvseView,
    KeptLimit,
    Meter,
    PendingRemote,
    Station,
    Transaction,
)
"""Records whose documents leave out what is at its default."""


@given(records(Station))
def test_a_station_comes_back_equal(record: Station) -> None:
    assert decode_station(encode(record)) == record


@given(records(CommandResult))
def test_a_result_comes_back_equal(record: CommandResult) -> None:
    assert decode_result(encode(record)) == record


def test_a_document_of_an_older_version_takes_the_defaults() -> None:
    assert decode_station(b'{"id":"E1"}') == Station(id=station("E1").id)


def test_what_a_newer_version_added_is_ignored() -> None:
    document = encode(station()).replace(b"{", b'{"invented":[1],', 1)

    assert decode_station(document) == station()


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (b"", ""),
        (b"{", ""),
        (b"{}", ""),
        (b'{"id":"E1","evses":{"1":{"id":"x"}}}', r"evses\[\.\.\.\].id"),
    ],
)
def test_a_damaged_document_says_where(document: bytes, place: str) -> None:
    with pytest.raises(StoreError, match=f"damaged at '{place}'"):
        decode_station(document)


def test_what_json_cannot_hold_is_a_store_error() -> None:
    with pytest.raises(StoreError, match="CommandResult cannot be stored"):
        encode(replace(result().result, data={"value": "\ud800"}))


@given(st.lists(records(datetime)))
def test_times_sort_as_text(moments: list[datetime]) -> None:
    assert sorted(map(encode_time, moments)) == list(map(encode_time, sorted(moments)))


def defaults(kind: type[Struct]) -> dict[str, Any]:
    """What is not written of a record, as JSON."""
    found = {}
    for each in fields(kind):
        if each.default is not NODEFAULT:
            found[each.name] = to_builtins(each.default)
        elif each.default_factory is not NODEFAULT:
            found[each.name] = to_builtins(each.default_factory())
    return found


def test_what_documents_leave_out_never_changes() -> None:
    """Else stored records would say something else after an update. New fields are added there."""
    known = json.loads(Path(__file__).with_name("defaults.json").read_text())
    told = {kind.__name__: defaults(kind) for kind in LEFT_OUT}
    assert json.loads(json.dumps(told)) == known


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_only_what_is_at_its_default_is_left_out(kind: type[Struct]) -> None:
    assert kind.__struct_config__.omit_defaults


def test_a_usual_record_is_short() -> None:
    document = encode(Station(id=StationId("CS1"), online=True))
    assert document == b'{"id":"CS1","online":true}'
