"""Rules of the handshake that need no socket."""

from bridge.domain.ids import StationId
from bridge.ocpp.handshake import Refusal, authenticated, subprotocol


def test_a_malformed_offer_is_refused() -> None:
    assert isinstance(subprotocol(["ocpp2.0.1 and more"], ["ocpp2.0.1"], "ocpp2.0.1"), Refusal)


def test_the_stations_order_decides_over_several_headers() -> None:
    spoken = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]
    offer = ["ocpp9, ocpp2.1", "ocpp2.0.1"]
    assert subprotocol(offer, spoken, "ocpp1.6") == ("ocpp2.1", True)


def test_passwords_are_bytes_and_need_not_be_utf8() -> None:
    header = "Basic Q1MxOv/+"  # CS1:\xff\xfe
    assert authenticated(header, StationId("CS1"), b"\xff\xfe")
    assert not authenticated(header, StationId("CS1"), b"\xff")
    assert not authenticated(header, StationId("CS"), b"\xff\xfe")


def test_the_header_may_be_written_in_any_case_and_is_not_ascii_always() -> None:
    assert authenticated("  BASIC   Q1MxOnA= ", StationId("CS1"), b"p")
    assert not authenticated("Basic \udce4", StationId("CS1"), b"p")


def test_without_a_password_everybody_passes() -> None:
    assert authenticated(None, StationId("CS1"), None)
    assert authenticated("Basic Q1MxOnA=", StationId("CS1"), None)
    assert not authenticated(None, StationId("CS1"), b"")
