"""Whatever a station calls itself, its segment is one, is its own, and can be read back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mqtt.topics import TopicError, Topics, escape, unescape

READABLE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
TABLE = Topics("ocpp", "main")


@given(READABLE)
def test_an_id_is_read_back(raw: str) -> None:
    assert unescape(escape(raw)) == raw


@given(st.text())
def test_a_segment_has_nothing_that_means_something_to_a_broker(raw: str) -> None:
    assert re.fullmatch(r"(?:[A-Za-z0-9_-]|=[0-9A-F]{2})*", escape(raw))


@given(st.text(), st.text())
def test_two_ids_never_share_a_segment(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) is (one == other)


@given(st.text(st.sampled_from("Aa=24C3BDF.*"), max_size=8))
def test_a_segment_is_canonical_or_refused(segment: str) -> None:
    try:
        raw = unescape(segment)
    except TopicError:
        return
    assert escape(raw) == segment


@given(
    st.lists(st.text(max_size=8).map(lambda text: text.replace("/", "")), min_size=4, max_size=4)
)
def test_any_matching_topic_is_read_and_can_be_answered(parts: list[str]) -> None:
    station, evse, controller, name = parts
    parsed = TABLE.parse_command(f"ocpp/v1/cs/{station}/{evse}/cmd/{controller}/{name}")
    answer = TABLE.result(parsed.station_id, parsed.evse_id, parsed.controller, parsed.reply_name)
    assert not re.search(r"[+#\x00-\x1f]", answer)
    assert answer.count("/") == 7


def test_a_lone_surrogate_is_no_id() -> None:
    with pytest.raises(TopicError):
        unescape(escape("\ud800"))
