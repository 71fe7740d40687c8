"""Ids that are the same for every resend, in every process."""

from datetime import timedelta
from uuid import UUID, uuid5

from bridge.domain import ids
from bridge.domain.enums import EventType
from bridge.domain.ids import StationId, event_id, token_hash, transaction_uuid
from tests.unit.domain.builders import T0

CS = StationId("DE*ABC*E1")


def test_an_event_id_is_a_uuid5_of_what_names_the_event() -> None:
    found = event_id(CS, "T1", 3, EventType.UPDATED, T0)
    name = "DE*ABC*E1\nT1\n3\nUpdated\n2026-01-10T10:00:00+00:00"
    assert found == str(uuid5(UUID(bytes=ids._NAMESPACE), name))
    assert UUID(found).version == 5


def test_each_part_of_an_event_makes_its_id_another() -> None:
    variants = {
        event_id(CS, "T1", 3, "Updated", T0),
        event_id(StationId("other"), "T1", 3, "Updated", T0),
        event_id(CS, "T2", 3, "Updated", T0),
        event_id(CS, "T1", 4, "Updated", T0),
        event_id(CS, "T1", 3, "Ended", T0),
        event_id(CS, "T1", 3, "Updated", T0 + timedelta(milliseconds=1)),
    }
    assert len(variants) == 6


def test_a_transaction_id_used_again_later_is_another_transaction() -> None:
    later = transaction_uuid(CS, "1", T0 + timedelta(days=1))
    assert transaction_uuid(CS, "1", T0) == transaction_uuid(CS, "1", T0) != later


def test_a_token_is_hashed_by_key_whatever_its_casing() -> None:
    assert token_hash(b"key", "04AB") == token_hash(b"key", "04ab") == "f83d67cc76e239b7"
    assert token_hash(b"other", "04AB") != token_hash(b"key", "04AB")
