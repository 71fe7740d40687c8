"""Random interleavings keep every promise, and each kind of broken promise would be found.

`script/arbiter` plays a million of them.
"""

from collections.abc import Callable
from typing import Any

import pytest

from bench.arbiter import main
from bench.interleavings import play
from bridge.domain import allocation, external, pacing, published, transaction_limits
from bridge.domain.control import Allocation, Limit
from bridge.domain.enums import AllocationSource
from bridge.domain.records import replace


def test_no_interleaving_breaks_a_promise() -> None:
    verdict = play(seed=20261121, count=400)
    assert verdict.violations == []
    assert verdict.interleavings == 400
    assert set(verdict.named) == {source.value for source in allocation.TIE_ORDER}


def test_the_same_seed_plays_the_same_interleavings() -> None:
    assert play(seed=7, count=20) == play(seed=7, count=20)
    assert play(seed=7, count=20) != play(seed=8, count=20)


Broken = Callable[..., Any]


def _no_limits(*_: Any) -> list[Limit]:
    return []


_really_settled = published.settled


def _always_mqtt(*arguments: Any) -> Allocation:
    return replace(_really_settled(*arguments), source=AllocationSource.MQTT)


@pytest.mark.parametrize(
    ("module", "name", "broken", "found"),
    [
        (external, "limits", _no_limits, "A are sent"),
        (transaction_limits, "limits", _no_limits, "A are offered"),
        (published, "settled", _always_mqtt, "is named instead of"),
        (published, "settled", _always_mqtt, "A that were never accepted"),
        (allocation, "TIE_ORDER", allocation.TIE_ORDER[::-1], "is named instead of"),
        (pacing, "is_change", lambda held_a, wanted_a: False, "A are offered instead of"),
        (allocation, "_rank", lambda claim: 0, "the arbiter depends on the order"),
    ],
)
def test_a_broken_promise_is_found(
    module: Any, name: str, broken: Broken, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, broken)
    verdict = play(seed=1, count=300, most_violations=200)
    assert any(found in violation for violation in verdict.violations)


def test_the_command_reports_what_was_played(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    assert main(["--count", "40", "--seed", "3", "--processes", "1", "--json", str(report)]) == 0
    assert "0 violations" in capsys.readouterr().out
    assert b'"interleavings": 40' in report.read_bytes()
