"""A caller may look up what a filter pins an attribute to, and look at nothing else: nobody who passes is missed."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.scim import OPERATORS, Comparison, Filter, FilterError, Together, parse

NAMES = st.sampled_from(["a", "b", "ab", ""])
LEAVES = st.builds(Comparison, st.sampled_from(["username", "origin"]), st.sampled_from(sorted(OPERATORS)), NAMES)
FILTERS: st.SearchStrategy[Filter] = st.recursive(
    LEAVES,
    lambda inner: st.builds(Together, st.lists(inner, min_size=2, max_size=3).map(tuple), st.booleans()),
    max_leaves=8,
)


def written(one: Filter) -> str:
    if isinstance(one, Comparison):
        return f'{one.attribute} {one.operator} "{one.value}"'
    return f"({(' or ' if one.any_of else ' and ').join(map(written, one.parts))})"


@given(one=FILTERS, username=NAMES, origin=NAMES)
def test_whoever_passes_is_among_the_pinned(one: Filter, username: str, origin: str) -> None:
    pinned = one.pinned("username")
    if one.passes({"username": username, "origin": origin}) and pinned is not None:
        assert username in pinned


@given(one=FILTERS, username=NAMES, origin=NAMES)
def test_a_filter_that_is_written_and_read_says_the_same(one: Filter, username: str, origin: str) -> None:
    document = {"username": username, "origin": origin}
    assert parse(written(one), frozenset({"username", "origin"})).passes(document) == one.passes(document)


@given(text=st.text(alphabet='()"\\ andoreqxuserNametrue', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text, frozenset({"username"}))
    except FilterError:
        return
