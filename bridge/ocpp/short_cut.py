"""A short cut past the WebSocket parser for what nearly all messages are: one text in one frame.

Theory of operation. `websockets` reads any stream, step by step, which costs more than reading the
TransactionEvent in it (ADR 38). Nearly every read of a station's socket is one whole text frame,
and nearly all that is sent to it is, too. Those are taken out and put together here. Everything
else goes to the parser: control frames, fragments, compression, several frames or half of one, and
what is wrong. Only who knows where a frame begins can tell one: so the bytes that went to the parser
are counted, and those of the frames that came out of it; between the two is what it still holds.
"""

from collections.abc import Iterable
from typing import Final

from websockets.frames import DATA_OPCODES, Frame

try:
    from websockets.speedups import apply_mask
except ImportError:  # where there was no compiler
    from websockets.utils import apply_mask

_TEXT: Final = 0x81
"""First byte of a whole text frame (RFC 6455, 5.2)."""
_MASKED: Final = 0x80
_LENGTH_IN_TWO: Final = 126
"""Length that says that the next two bytes have it."""
_MASK_LENGTH: Final = 4
_SHORT_HEADER: Final = 2
_HEADER: Final = 4
_LONG_HEADER: Final = 10
_MAX_LENGTH: Final = 0xFFFF


class ShortCut:
    """Knows when the next byte of a stream begins a frame."""

    __slots__ = ("_fragments", "_held", "_max_length")

    def __init__(self, max_size: int, *, clean: bool) -> None:
        """`clean`: nothing but the handshake was read so far; else there is no short cut."""
        self._max_length = min(max_size, _MAX_LENGTH)
        self._held = 0 if clean else 1
        """Bytes that the parser has not made a frame of; more, where it cannot be known."""
        self._fragments = False
        """Whether there are more fragments to come of a message."""

    def text_of(self, data: bytes) -> bytes | None:
        """Return the text of a read that is one whole text frame; None: the parser must see it."""
        if self._held or self._fragments or len(data) < _SHORT_HEADER or data[0] != _TEXT:
            return None
        length = data[1] - _MASKED
        begin = _SHORT_HEADER + _MASK_LENGTH
        if length == _LENGTH_IN_TWO:
            begin = _HEADER + _MASK_LENGTH
            length = int.from_bytes(data[_SHORT_HEADER:_HEADER], "big")
        if len(data) != begin + length or length > self._max_length:
            return None  # also where there is no mask (the length is negative) or a longer length
        return apply_mask(data[begin:], data[begin - _MASK_LENGTH : begin])

    def parsed(self, data: bytes, frames: Iterable[Frame]) -> None:
        """Take note of what went to the parser, and what came out."""
        self._held += len(data)
        for frame in frames:
            self._held -= _masked_length(frame)
            if frame.opcode in DATA_OPCODES:
                self._fragments = not frame.fin


def _masked_length(frame: Frame) -> int:
    length = len(frame.data)
    header = _SHORT_HEADER
    if length > _MAX_LENGTH:
        header = _LONG_HEADER
    elif length >= _LENGTH_IN_TWO:
        header = _HEADER
    return header + _MASK_LENGTH + length


def text_frame(text: bytes) -> bytes | None:
    """Return a text as a server sends it; None where it is too long for a short cut."""
    length = len(text)
    if length < _LENGTH_IN_TWO:
        return bytes((_TEXT, length)) + text
    if length <= _MAX_LENGTH:
        return bytes((_TEXT, _LENGTH_IN_TWO, length >> 8, length & 0xFF)) + text
    return None
