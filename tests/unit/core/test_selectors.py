"""Label selectors: what they select, and what is none."""

import pytest

from chalicelib.core import selectors

LABELS = {"tier": "web", "example.com/team": "blue", "empty": ""}


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("tier=web", True),
        ("tier==web", True),
        ("tier=db", False),
        ("tier!=db", True),
        ("nobody!=db", True),
        ("tier", True),
        ("!tier", False),
        ("!nobody", True),
        ("example.com/team in (red, blue)", True),
        ("tier in (db)", False),
        ("tier notin (db,cache)", True),
        ("nobody notin (a)", True),
        ("tier=web,example.com/team in (red,blue),!nobody", True),
        ("tier=web,nobody", False),
        ("empty=", True),
        ("in", False),
    ],
)
def test_all_terms_must_hold(selector: str, selected: bool) -> None:
    assert selectors.selects(selectors.parse(selector), LABELS) is selected


@pytest.mark.parametrize("selector", [",", "!", "=x", "a,,b", "tier in (a", "a b", "(a)", "!!a", "tier in", "a,"])
def test_what_is_no_selector_is_refused(selector: str) -> None:
    with pytest.raises(ValueError, match="Invalid label_selector value"):
        selectors.parse(selector)


def test_a_selector_has_a_limit() -> None:
    with pytest.raises(ValueError, match="at most 100 terms"):
        selectors.parse(",".join(["a"] * 101))
