"""Values behave as frozen dataclasses do."""

from dataclasses import asdict, dataclass, field, fields, replace

import pytest

from chalicelib.contracts.frozen import frozen


@frozen
class Point:
    """Where."""

    x: int
    y: int = 0
    names: tuple[str, ...] = field(default_factory=tuple)


@frozen
class Secret:
    name: str
    password: str = field(repr=False)


@frozen
class Other:
    x: int
    y: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standard:
    x: int
    y: int = 0
    names: tuple[str, ...] = ()


def test_equal_fields_make_equal_values_of_one_class_only() -> None:
    assert Point(1, y=2) == Point(1, 2)
    assert Point(1) != Point(2)
    assert Point(1) != Other(1)
    assert {Point(1): "here"}[Point(1, 0)] == "here"


def test_values_are_shown_as_dataclasses_are_without_what_is_secret() -> None:
    assert repr(Point(1)) == repr(Standard(1)).replace("Standard", "Point")
    assert "hunter2" not in repr(Secret("admin", "hunter2"))


def test_the_tools_of_dataclasses_work() -> None:
    assert [one.name for one in fields(Point)] == ["x", "y", "names"]
    assert replace(Point(1), y=5) == Point(1, 5)
    assert asdict(Point(1)) == {"x": 1, "y": 0, "names": ()}


def test_there_is_no_room_for_what_is_no_field() -> None:
    with pytest.raises(AttributeError):
        Point(1).z = 3  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        Point()  # type: ignore[call-arg]
