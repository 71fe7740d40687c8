"""What is stored comes back equal, whatever the model can hold."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.commands import CommandResult
from bridge.domain.model import Station
from bridge.ports import StoreError
from bridge.store.codec import decode_result, decode_station, encode, encode_time
from tests.domain_strategies import records
from tests.records import replace
from tests.store_records import result, station


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
