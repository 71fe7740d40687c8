"""Results of commands say whether they are final and whether to try again."""

import pytest

from bridge.domain.commands import Refusal, ResultCode, ResultStatus
from tests.unit.domain.builders import ready


@pytest.mark.parametrize("code", list(ResultCode))
def test_only_passing_troubles_are_worth_a_retry(code: ResultCode) -> None:
    passing = {"station_offline", "rate_limited", "queue_full", "timeout", "station_error"}
    assert Refusal(code=code, message="").retryable is (code.value in passing)


def test_accepted_is_the_only_answer_after_which_another_comes() -> None:
    told = ready()
    told.applied(10.0)
    assert [(r.status, r.final) for r in told.results] == [
        (ResultStatus.ACCEPTED, False),
        (ResultStatus.DONE, True),
    ]
