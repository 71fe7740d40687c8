"""How the torture compares retained topics with the truth."""

from bench.retained import differences, told


def test_times_of_making_are_no_content() -> None:
    assert told(b'{"v":1,"ts":"t","receivedAt":"t","cs":"A"}') == {"v": 1, "cs": "A"}
    assert told(b"online") == "online"


def test_what_is_the_same_is_no_difference() -> None:
    documents = {"a": {"x": 1}, "b": "online"}

    assert differences(documents, dict(documents)) == []


def test_each_kind_of_untruth_has_its_sentence() -> None:
    truth = {"changed": {"same": 1, "x": 1}, "missing": {}, "word": "online"}
    found = {"changed": {"same": 1, "x": 2}, "orphan": {"x": 3}, "word": "offline"}

    assert differences(truth, found) == [
        'changed: says {"x":2}, true is {"x":1}',
        "missing is missing",
        'orphan is nobody\'s, and says {"x":3}',
        'word: says "offline", true is "online"',
    ]
