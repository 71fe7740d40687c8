"""Whatever the network makes of a stream, the same texts come out with the short cut and without."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from bridge.ocpp.short_cut import ShortCut, text_frame
from bridge.ocpp.texts import Texts

LIMIT: Final = 70_000
LENGTHS: Final = (0, 1, 2, 125, 126, 127, 1300, 65_535, 65_536, LIMIT, LIMIT + 1)


def masked(frame: Frame) -> bytes:
    return frame.serialize(mask=True)


def written_at_length(text: bytes) -> bytes:
    """Return a text frame whose length takes more bytes than it needs."""
    return b"\x81\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text


SINGLE: Final = st.one_of(
    st.sampled_from(LENGTHS).map(lambda length: masked(Frame(Opcode.TEXT, b"t" * length))),
    st.binary(max_size=8).map(lambda data: masked(Frame(Opcode.TEXT, data))),
    st.just(masked(Frame(Opcode.PING, b"p"))),
    st.just(masked(Frame(Opcode.PONG, b""))),
    st.just(written_at_length(b"short")),
)
FRAGMENTS: Final = st.lists(
    st.sampled_from([b"", b"one", b"2" * 200]), min_size=2, max_size=4
).map(
    lambda parts: [
        masked(
            Frame(
                Opcode.CONT if number else Opcode.TEXT,
                part,
                fin=number == len(parts) - 1,
            )
        )
        for number, part in enumerate(parts)
    ]
)
WRONG: Final = st.sampled_from(
    [
        b"\x81\x05hello",  # no mask
        b"\xc1\x81\x00\x00\x00\x00x",  # compressed, which was not agreed on
        masked(Frame(Opcode.CONT, b"to nothing")),
        masked(Frame(Opcode.CLOSE, b"\x03\xe8")),
        b"\x83\x80\x00\x00\x00\x00",  # no such opcode
    ]
)
STREAMS: Final = st.lists(
    SINGLE.map(lambda frame: [frame]) | FRAGMENTS | WRONG.map(lambda frame: [frame]), max_size=8
).map(lambda messages: [frame for message in messages for frame in message])


class Reader:
    """Reads as a connection does."""

    def __init__(self, short_cut: ShortCut | None) -> None:
        self.websocket = ServerProtocol(max_size=LIMIT, state=OPEN)
        self.short_cut = short_cut
        self.joined = Texts()
        self.texts: list[bytes] = []
        self.shortened = 0

    def read(self, data: bytes) -> None:
        text = None if self.short_cut is None else self.short_cut.text_of(data)
        if text is not None:
            self.shortened += 1
            self.take(text)
            return
        self.websocket.receive_data(data)
        frames = [e for e in self.websocket.events_received() if isinstance(e, Frame)]
        if self.short_cut is not None:
            self.short_cut.parsed(data, frames)
        for frame in frames:
            text = self.joined.take(frame)
            if text is not None:
                self.take(text)

    def take(self, text: bytes) -> None:
        if self.websocket.state is OPEN:
            self.texts.append(text)


@given(frames=STREAMS, data=st.data())
def test_the_same_texts_come_out_however_the_stream_is_cut(
    frames: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(frames)
    ends = [sum(map(len, frames[: number + 1])) for number in range(len(frames))]
    cuts = (
        data.draw(st.lists(st.sampled_from(ends) | st.integers(0, len(stream)), max_size=12))
        if ends
        else []
    )
    plain, short = Reader(None), Reader(ShortCut(LIMIT, clean=True))
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(stream)], strict=True):
        if begin < end:
            plain.read(stream[begin:end])
            short.read(stream[begin:end])

    assert short.texts == plain.texts
    assert short.websocket.state is plain.websocket.state


def test_a_text_that_comes_alone_takes_it_also_after_others_have_not() -> None:
    reader = Reader(ShortCut(LIMIT, clean=True))
    event = masked(Frame(Opcode.TEXT, b"x" * 1300))
    for read in (event, event[:500], event[500:], event + event, event):
        reader.read(read)

    assert reader.shortened == 2
    assert reader.texts == [b"x" * 1300] * 5


def test_there_is_none_where_more_than_the_handshake_was_read_before() -> None:
    assert ShortCut(LIMIT, clean=False).text_of(masked(Frame(Opcode.TEXT, b"x"))) is None


@pytest.mark.parametrize("length", LENGTHS)
def test_what_is_sent_is_what_the_library_sends(length: int) -> None:
    text = b"t" * length

    assert text_frame(text) in {Frame(Opcode.TEXT, text).serialize(mask=False), None}
    assert (text_frame(text) is None) == (length > 65_535)
