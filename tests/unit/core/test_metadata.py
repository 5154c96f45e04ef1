import pytest

from chalicelib.core.metadata import merged


def test_changes_merge_and_null_deletes() -> None:
    assert merged("labels", {"a": "1", "b": "2"}, {"b": None, "c": "3"}) == ({"a": "1", "c": "3"}, [])


@pytest.mark.parametrize(
    "changes", [[], "x", 7, {"a b": "1"}, {"-a": "1"}, {"a": 1}, {"a": "x y"}, {"/a": "", "": "1"}]
)
def test_what_is_no_label_is_refused(changes: object) -> None:
    assert merged("labels", {}, changes)[1]


def test_there_is_an_end_to_how_much_fits_in_a_row() -> None:
    assert merged("labels", {}, {f"k{i}": "v" for i in range(51)})[1]
    assert merged("annotations", {}, {"a": "x" * 5001})[1]
    assert merged("annotations", {}, {f"k{i}": "x" * 5000 for i in range(20)})[1]
    assert merged("annotations", {}, {"example.org/note": "any text, really"})[1] == []


def test_what_is_stored_of_other_alphabets_is_bounded_by_its_bytes() -> None:
    """DynamoDB takes rows of 400 KB, and a character beyond ASCII is stored as 6 or 12 bytes."""
    full = {f"note-{i}": "\N{ROCKET}" * 1000 for i in range(20)}
    assert merged("annotations", {}, dict(list(full.items())[:9]))[1] == []
    result, wrong = merged("annotations", {}, full)
    assert wrong == ["Metadata annotations must be at most 131072 bytes together, escaped as JSON"]
    assert merged("annotations", {}, dict.fromkeys(full, "x" * 1000))[1] == []
    assert len(result) == 20
