import pytest

from chalicelib.core import scim

ATTRIBUTES = frozenset({"username", "origin", "active"})
DORA: dict[str, str | bool] = {"username": "dora", "origin": "uaa", "active": True}


def passes(text: str) -> bool:
    return scim.parse(text, ATTRIBUTES).passes(DORA)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('userName eq "Dora"', True),
        ('USERNAME EQ "dora" AND origin eq "uaa"', True),
        ('userName eq "dora" and origin eq "ldap"', False),
        ('userName eq "eve" or userName eq "dora"', True),
        ('userName eq "eve" or userName eq "dora" and origin eq "ldap"', False),
        ('(userName eq "eve" or userName eq "dora") and origin eq "uaa"', True),
        ("active eq true", True),
        ("active eq false", False),
        ('active eq "true"', False),
        ('userName sw "do" and userName co "or"', True),
        ('userName eq "a \\" and origin eq \\""', False),
        ('   (  (userName eq "dora")) ', True),
    ],
)
def test_a_filter_says_who_passes(text: str, expected: bool) -> None:
    assert passes(text) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "userName",
        "userName eq",
        'userName eq "x',
        "userName eq x",
        "userName eq 7",
        'userName ne "x"',
        'password eq "x"',
        'userName eq "x" and',
        'userName eq "x" userName eq "y"',
        '(userName eq "x"',
        'userName eq "x")',
        '"x" eq userName',
        "é",
        "(" * 5000,
        "(" * 50 + 'userName eq "x"' + ")" * 50,
        " or ".join(['userName eq "x"'] * 101),
        "x" * 10_000,
    ],
)
def test_what_is_no_filter_is_told(text: str) -> None:
    with pytest.raises(scim.FilterError):
        scim.parse(text, ATTRIBUTES)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('userName eq "A"', {"a"}),
        ('userName eq "a" and active eq true', {"a"}),
        ('userName eq "a" or userName eq "b"', {"a", "b"}),
        ('userName eq "a" or origin eq "uaa"', None),
        ('userName sw "a"', None),
        ("active eq true", None),
        ('(userName eq "a" or userName eq "b") and userName eq "b"', {"b"}),
        ('userName eq "a" and userName eq "b"', set()),
    ],
)
def test_a_filter_pins_what_can_be_looked_up(text: str, names: set[str] | None) -> None:
    assert scim.parse(text, ATTRIBUTES).pinned("username") == names
