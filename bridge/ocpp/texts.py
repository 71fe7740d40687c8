"""Text messages out of the WebSocket frames that they come in (RFC 6455, 5.4)."""

from websockets.frames import Frame, Opcode


class BinaryMessageError(Exception):
    """A binary message has begun: OCPP is text."""


class Texts:
    """Puts the fragments of a connection's messages together, whatever stands between them."""

    __slots__ = ("_fragments",)

    def __init__(self) -> None:
        self._fragments: bytearray | None = None

    def take(self, frame: Frame) -> bytes | None:
        """Return the message that a frame completes, None where it completes none.

        Raises BinaryMessageError.
        """
        if frame.opcode is Opcode.TEXT and frame.fin:
            return bytes(frame.data)
        if frame.opcode is Opcode.BINARY:
            raise BinaryMessageError
        if frame.opcode is Opcode.TEXT:
            self._fragments = bytearray(frame.data)
        elif frame.opcode is Opcode.CONT and self._fragments is not None:
            return self._go_on(self._fragments, frame)
        return None

    def _go_on(self, fragments: bytearray, frame: Frame) -> bytes | None:
        fragments += frame.data
        if not frame.fin:
            return None
        self._fragments = None
        return bytes(fragments)


def is_utf8(text: bytes) -> bool:
    """Say whether a text is what a text frame must hold (RFC 6455, 8.1)."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
