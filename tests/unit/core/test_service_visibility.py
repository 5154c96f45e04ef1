"""Who sees which plan."""

from chalicelib.core.roles import Actor
from chalicelib.core.service_visibility import ADMIN, ORGANIZATION, PUBLIC, SPACE, is_usable_in, may_see

NOBODY = Actor("", "")
MEMBER = Actor("m", "m", orgs={"o1": frozenset({"organization_user"})})
ADMINISTRATOR = Actor("a", "a", frozenset({"cloud_controller.admin"}))


def test_plans_are_seen_by_those_whom_their_visibility_names() -> None:
    for visibility, nobody, member, in_space in (
        (PUBLIC, True, True, True),
        (ADMIN, False, False, False),
        (ORGANIZATION, False, True, False),
        (SPACE, False, False, True),
    ):
        assert may_see(ADMINISTRATOR, visibility, [], False, False)
        assert may_see(NOBODY, visibility, ["o1"], False, True) is nobody
        assert may_see(MEMBER, visibility, ["o1"], False, True) is member
        assert may_see(NOBODY, visibility, [], True, True) is in_space
        assert not may_see(MEMBER, visibility, ["o1"], True, False)


def test_plans_are_used_where_their_visibility_allows() -> None:
    assert is_usable_in(PUBLIC, [], None, "s", "o")
    assert is_usable_in(ORGANIZATION, ["o"], None, "s", "o")
    assert not is_usable_in(ORGANIZATION, ["o"], None, "s", "p")
    assert is_usable_in(SPACE, [], "s", "s", "o")
    assert not is_usable_in(SPACE, [], "t", "s", "o")
    assert not is_usable_in(ADMIN, ["o"], None, "s", "o")
