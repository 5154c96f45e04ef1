"""Messages to JSON and back."""

from dataclasses import dataclass, field

import pytest

from chalicelib.contracts.codec import DecodeError, from_json, to_json


@dataclass(frozen=True, slots=True)
class Inner:
    name: str


@dataclass(frozen=True, slots=True)
class Outer:
    number: int
    ratio: float
    inner: Inner
    maybe: str | None = None
    many: tuple[Inner, ...] = ()
    by_key: dict[str, int] = field(default_factory=dict)


FULL = Outer(1, 2.5, Inner("a"), "b", (Inner("c"), Inner("d")), {"x": 1})


def test_a_message_survives_the_way_through_json() -> None:
    assert from_json(Outer, to_json(FULL)) == FULL


def test_a_field_added_by_a_newer_sender_is_dropped() -> None:
    assert from_json(Outer, {**to_json(FULL), "later": True}) == FULL


def test_a_field_that_an_older_sender_lacks_takes_its_default() -> None:
    data = to_json(FULL)
    del data["maybe"], data["many"], data["by_key"]
    assert from_json(Outer, data) == Outer(1, 2.5, Inner("a"))


def test_an_integer_is_taken_where_a_float_is_meant() -> None:
    assert from_json(Outer, {**to_json(FULL), "ratio": 2}).ratio == 2.0


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"number": "1"}, "$.number"),
        ({"number": True}, "$.number"),
        ({"number": None}, "$.number"),
        ({"ratio": float("nan")}, "$.ratio"),
        ({"ratio": float("-inf")}, "$.ratio"),
        ({"ratio": 10**400}, "$.ratio"),
        ({"inner": []}, "$.inner"),
        ({"inner": {}}, "$.inner.name"),
        ({"many": {"name": "c"}}, "$.many"),
        ({"many": [{"name": 7}]}, "$.many[0].name"),
        ({"by_key": {"x": "1"}}, "$.by_key.x"),
        ({"by_key": []}, "$.by_key"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_path(change: dict[str, object], path: str) -> None:
    with pytest.raises(DecodeError) as refusal:
        from_json(Outer, {**to_json(FULL), **change})
    assert str(refusal.value).startswith(f"{path}:")


def test_a_missing_field_without_default_is_refused() -> None:
    data = to_json(FULL)
    del data["number"]
    with pytest.raises(DecodeError, match="number: missing"):
        from_json(Outer, data)


@pytest.mark.parametrize("data", [None, 7, "text", []])
def test_what_is_not_an_object_is_refused(data: object) -> None:
    with pytest.raises(DecodeError, match="expected an object"):
        from_json(Outer, data)
