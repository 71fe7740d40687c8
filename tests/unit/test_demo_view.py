"""What the demo shows of the topics."""

import orjson
import pytest

from bridge.demo.view import View

PLACE = "ocpp/v1/cs/SIM001/1"


@pytest.fixture
def view() -> View:
    return View("ocpp", [], [])


def test_a_change_is_told_once(view: View) -> None:
    charging = orjson.dumps({"state": "Charging"})
    assert view.take(f"{PLACE}/state", charging) == "SIM001/1 state Charging"
    assert view.take(f"{PLACE}/state", charging) is None


def test_a_result_is_told_each_time(view: View) -> None:
    result = orjson.dumps({"cmd": "limit", "status": "done", "code": "ok"})
    for _ in range(2):
        assert view.take(f"{PLACE}/res/me/limit", result) == "SIM001/1 result limit done (ok)"


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ({"onePhaseLimitActive": False}, "in control: MQTT, 10 A offered"),
        ({"onePhaseLimitActive": True}, "in control: MQTT, 10 A offered on one phase"),
    ],
)
def test_who_is_in_control_and_on_how_many_phases(
    view: View, document: dict[str, bool], line: str
) -> None:
    allocation = {"allocationSourceName": "MQTT", "offeredA": 10.0, **document}
    assert view.take(f"{PLACE}/allocation", orjson.dumps(allocation)) == f"SIM001/1 {line}"


def test_a_fault_is_told(view: View) -> None:
    fault = orjson.dumps({"code": "limit_not_observed", "message": "16 A flow, 10 A are allowed"})
    told = view.take(f"{PLACE}/event/fault", fault)
    assert told == "SIM001/1 fault limit_not_observed: 16 A flow, 10 A are allowed"


@pytest.mark.parametrize("payload", [b'{"limitA":abc}', b"{}", b"", b"\xff", b"16"])
@pytest.mark.parametrize("topic", [f"{PLACE}/cmd/me/limit", f"{PLACE}/set/me/limitA"])
def test_whatever_people_type_is_left_to_its_result(
    view: View, topic: str, payload: bytes
) -> None:
    assert view.take(topic, payload) is None


def test_other_topics_and_plain_text_are_passed_over(view: View) -> None:
    assert view.take("solar/surplus", b"{}") is None
    assert view.take("ocpp/v1/cs/SIM001/availability", b"online") is None
    assert view.take("ocpp/v1/cs/SIM001/info", orjson.dumps({"cs": "SIM001"})) is None
