"""What makes a zip a buildpack, and the order of buildpacks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.buildpacks import is_buildpack, moved, wrong_stack
from chalicelib.core.retention import surplus


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["bin/detect"], True),
        (["README", "bin/compile"], True),
        (["pack-1.0/bin/supply", "pack-1.0/README"], True),
        (["pack/bin/supply", "README"], False),
        (["a/b/bin/supply"], False),
        (["bin/other", "detect"], False),
        (["bin"], False),
        ([], False),
    ],
)
def test_a_buildpack_has_its_scripts_at_the_root_or_in_one_folder(paths: list[str], expected: bool) -> None:
    assert is_buildpack(paths) is expected


@given(st.lists(st.text("abc", min_size=1), unique=True), st.integers(1, 10))
def test_a_moved_one_is_where_it_should_be_and_the_others_keep_their_order(order: list[str], position: int) -> None:
    after = moved(order, "new", position)
    assert after.index("new") == min(position - 1, len(order))
    assert [item for item in after if item != "new"] == order == moved(after, "new", None)


def test_the_stack_that_bits_tell_must_be_one_and_the_right_one() -> None:
    assert wrong_stack(None, "a", is_known=False) is None
    assert wrong_stack("a", None, is_known=True) is wrong_stack("a", "a", is_known=True) is None
    code, _, text = wrong_stack("a", "b", is_known=True) or (0, "", "")
    assert (code, text) == (390011, "Uploaded buildpack stack (a) does not match b")
    assert (wrong_stack("x", None, is_known=False) or (0,))[0] == 390012


@given(st.lists(st.text("abc", min_size=1), unique=True), st.sets(st.text("abc")), st.integers(0, 5))
def test_nothing_in_use_and_nothing_new_is_surplus(rows: list[str], in_use: set[str], kept: int) -> None:
    gone = surplus(rows, in_use, kept)
    assert not in_use & set(gone)
    left = [row for row in rows if row not in gone and row not in in_use]
    assert len(left) == min(kept, len(set(rows) - in_use))
    assert left == [row for row in rows if row not in in_use][-kept or len(rows) :]
