"""How long a page may be: what fits is cut where the next page begins, and takes along only what it leads to."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.render import MAX_PAGE_BYTES, _how_many_fit, _page_length, _referenced, _size


@given(st.integers(1, 5000), st.integers(0, 100), st.integers(1, 5000))
def test_a_shorter_page_begins_where_the_longer_one_did(most: int, page: int, per_page: int) -> None:
    length = _page_length(most, page * per_page)
    assert 1 <= length <= most
    assert (page * per_page) % length == 0


def test_a_first_page_leaves_room_for_halves() -> None:
    assert [_page_length(most, 0) for most in (1, 3, 100, 2500)] == [1, 2, 64, 2048]
    assert _page_length(1500, 2048) == 1024


def test_what_fits_is_counted_with_what_it_brings() -> None:
    resource = {"text": "x" * 1_000_000}
    assert _how_many_fit([resource] * 3, None) == 3
    assert _how_many_fit([resource] * 9, None) == int(MAX_PAGE_BYTES) // _size(resource) == 5
    assert _how_many_fit([resource] * 9, {"spaces": [resource] * 9}) == 2
    assert _how_many_fit([{"text": "x" * 7_000_000}], None) == 1
    assert _how_many_fit([], {"spaces": [resource]}) == 0


@pytest.mark.parametrize("text", ['"' * 50, "\\" * 50, "é", "\U0001f600", "plain"])
def test_sizes_are_those_in_lambdas_answer(text: str) -> None:
    document = {"text": text}
    assert _size(document) == len(json.dumps(json.dumps(document)))


def test_only_what_is_led_to_is_included() -> None:
    resources = [{"guid": "app-1", "relationships": {"space": {"data": {"guid": "space-1"}}}}]
    included = {
        "spaces": [
            {"guid": "space-1", "relationships": {"organization": {"data": {"guid": "org-1"}}}},
            {"guid": "space-2", "relationships": {"organization": {"data": {"guid": "org-2"}}}},
        ],
        "organizations": [{"guid": "org-1"}, {"guid": "org-2"}, {"name": "trimmed, and so without a guid"}],
    }
    kept = _referenced(resources, included)
    assert [space["guid"] for space in kept["spaces"]] == ["space-1"]
    assert kept["organizations"] == [{"guid": "org-1"}, {"name": "trimmed, and so without a guid"}]
