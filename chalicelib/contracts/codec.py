"""JSON to frozen dataclasses and back, strict about types and lenient about fields added later.

A field that a newer sender added is dropped; a field that an older sender lacks takes its default; anything
else that does not fit the annotation is a :class:`DecodeError`, which ends in a dead-letter queue.
"""

import dataclasses
import sys
import types
import typing
from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any, TypeVar, Union, cast

T = TypeVar("T")


class DecodeError(ValueError):
    """The data does not have the shape of the message. The text names the path that is wrong."""


def to_json(message: Any) -> Any:
    """A dataclass (or a tree of them) as JSON-ready values; tuples become lists."""
    if dataclasses.is_dataclass(message) and not isinstance(message, type):
        return {field.name: to_json(getattr(message, field.name)) for field in dataclasses.fields(message)}
    if isinstance(message, Mapping):
        return {key: to_json(value) for key, value in message.items()}
    if isinstance(message, list | tuple | set | frozenset):
        return [to_json(value) for value in message]
    return message


def from_json(cls: type[T], data: Any, path: str = "$") -> T:
    """The inverse of :func:`to_json` for the dataclass ``cls``. Raises DecodeError."""
    if not isinstance(data, dict):
        raise DecodeError(f"{path}: expected an object for {cls.__name__}")
    values = {}
    for name, annotation, required in _fields(cast(Hashable, cls)):
        if name in data:
            values[name] = _value(annotation, data[name], f"{path}.{name}")
        elif required:
            raise DecodeError(f"{path}.{name}: missing")
    return cls(**values)


@cache
def _fields(cls: Hashable) -> list[tuple[str, Any, bool]]:
    assert isinstance(cls, type)
    assert isinstance(cls, type)
    hints = typing.get_type_hints(cls)
    return [
        (
            field.name,
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(cls)
    ]


def _value(annotation: Any, data: Any, path: str) -> Any:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        if data is None and type(None) in args:
            return None
        (inner,) = [arg for arg in args if arg is not type(None)]
        return _value(inner, data, path)
    if origin is tuple:
        if not isinstance(data, list):
            raise DecodeError(f"{path}: expected a list")
        return tuple(_value(args[0], item, f"{path}[{i}]") for i, item in enumerate(data))
    if origin is dict:
        if not isinstance(data, dict):
            raise DecodeError(f"{path}: expected an object")
        return {key: _value(args[1], item, f"{path}.{key}") for key, item in data.items()}
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return from_json(annotation, data, path)
    return _scalar(annotation, data, path)


def _scalar(annotation: Any, data: Any, path: str) -> Any:
    if annotation is Any:
        return data
    if annotation is float and isinstance(data, int | float) and not isinstance(data, bool):
        # Python reads NaN, 1e999 and integers without end; none of them is a time or a size.
        if not abs(data) <= sys.float_info.max:
            raise DecodeError(f"{path}: not a finite number")
        return float(data)
    # bool is an int to Python, never to a message.
    if not isinstance(data, annotation) or (isinstance(data, bool) and annotation is not bool):
        raise DecodeError(f"{path}: expected {annotation.__name__}, got {type(data).__name__}")
    return data
