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
