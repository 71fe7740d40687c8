"""Rules of the handshake that need no socket."""

from bridge.domain.ids import StationId
from bridge.ocpp.handshake import Refusal, common_name, password, subprotocol


def test_a_malformed_offer_is_refused() -> None:
    assert isinstance(subprotocol(["ocpp2.0.1 and more"], ["ocpp2.0.1"], "ocpp2.0.1"), Refusal)


def test_the_stations_order_decides_over_several_headers() -> None:
    spoken = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]
    offer = ["ocpp9, ocpp2.1", "ocpp2.0.1"]
    assert subprotocol(offer, spoken, "ocpp1.6") == ("ocpp2.1", True)


def test_passwords_are_bytes_and_need_not_be_utf8() -> None:
    header = "Basic Q1MxOv/+"  # CS1:\xff\xfe
    assert password(header, StationId("CS1")) == b"\xff\xfe"
    assert password(header, StationId("CS")) is None


def test_ids_and_passwords_may_hold_a_colon() -> None:
    header = "Basic QUE6QkI6cDpx"  # AA:BB:p:q
    assert password(header, StationId("AA:BB")) == b"p:q"
    assert password(header, StationId("AA")) == b"BB:p:q"


def test_the_header_may_be_written_in_any_case_and_is_not_ascii_always() -> None:
    assert password("  BASIC   Q1MxOnA= ", StationId("CS1")) == b"p"
    assert password("Basic \udce4", StationId("CS1")) is None
    assert password(None, StationId("CS1")) is None


def test_a_certificate_has_one_common_name() -> None:
    name = (("commonName", "CS1"),)
    organisation = (("organizationName", "Owner"),)
    assert common_name({"subject": (organisation, name)}) == "CS1"
    assert common_name({"subject": (name, (("commonName", "CS2"),))}) is None
    assert common_name({"subject": (organisation,)}) is None
    assert common_name({}) is None
    assert common_name(None) is None
