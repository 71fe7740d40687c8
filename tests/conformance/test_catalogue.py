"""The catalogue of cases is complete and honest, and its page up to date."""

from tests.conformance.cases import BY_ID, CASES
from tests.conformance.page import PAGE, page, shown_by

TESTS = shown_by()


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.conformance.page"


def test_each_case_is_there_once() -> None:
    assert len(BY_ID) == sum(map(len, CASES.values()))


def test_each_marker_names_a_case() -> None:
    assert TESTS.keys() <= BY_ID.keys()


def test_each_case_of_priority_1_and_2_has_a_test_or_a_reason() -> None:
    silent = [case.id for case in BY_ID.values() if case.id not in TESTS and not case.note]
    assert silent == []


def test_what_is_open_has_no_test_and_what_is_shown_in_part_has_one() -> None:
    for case in BY_ID.values():
        assert case.note.startswith(("open: ", "partly: ")) or not case.note, case.id
        assert case.note.startswith("open: ") is (case.id not in TESTS), case.id
