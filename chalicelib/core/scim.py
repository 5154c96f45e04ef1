"""SCIM filters as the UAA takes them: ``userName eq "a" and (origin eq "uaa" or active eq true)``. Pure.

A filter becomes a small tree, which says of a document whether it passes, and to which values it pins an attribute,
so that a caller can look those up instead of reading everything.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping

from chalicelib.contracts.frozen import frozen

#: Of a filter, characters; comparisons in it; brackets in brackets.
MAX_LENGTH, MAX_COMPARISONS, MAX_DEPTH = 8000, 100, 10

#: What an attribute (in lower case) of a document can be: text in lower case, or true and false.
Document = Mapping[str, str | bool]

OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda value, wanted: value == wanted,
    "co": lambda value, wanted: wanted in value,
    "sw": lambda value, wanted: value.startswith(wanted),
}

TOKEN = re.compile(r'\s*(?:(?P<mark>[()])|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>[A-Za-z0-9_.:$-]+))')


class FilterError(ValueError):
    """The filter cannot be read; the text says why."""


@frozen
class Comparison:
    attribute: str
    operator: str
    value: str | bool

    def passes(self, document: Document) -> bool:
        present = document.get(self.attribute)
        if isinstance(present, bool) or isinstance(self.value, bool) or present is None:
            return self.operator == "eq" and present is not None and present == self.value
        return OPERATORS[self.operator](present, self.value)

    def pinned(self, attribute: str) -> frozenset[str] | None:
        if self.attribute != attribute or self.operator != "eq" or isinstance(self.value, bool):
            return None
        return frozenset({self.value})


@frozen
class Together:
    """``and`` of several, or with ``any_of`` their ``or``."""

    parts: tuple["Filter", ...]
    any_of: bool = False

    def passes(self, document: Document) -> bool:
        return (any if self.any_of else all)(part.passes(document) for part in self.parts)

    def pinned(self, attribute: str) -> frozenset[str] | None:
        """An ``and`` is pinned by any of its parts, an ``or`` only by all of them."""
        sets = [part.pinned(attribute) for part in self.parts]
        known = [values for values in sets if values is not None]
        if self.any_of:
            return frozenset().union(*known) if len(known) == len(sets) else None
        return frozenset.intersection(*known) if known else None


Filter = Comparison | Together


def parse(text: str, attributes: frozenset[str]) -> Filter:
    """``attributes``: those that may be asked for, in lower case. Raises FilterError."""
    if len(text) > MAX_LENGTH:
        raise FilterError("The filter is too long")
    reader = _Reader(list(_tokens(text)), attributes)
    found = reader.either(0)
    if reader.tokens:
        raise FilterError(f"The filter ends where {reader.tokens[0]!r} begins")
    return found


def _tokens(text: str) -> Iterator[str]:
    position, text = 0, text.rstrip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise FilterError(f"The filter cannot be read at character {position}")
        yield str(match[0]).strip()
        position = match.end()


class _Reader:
    """Takes the tokens from the front. ``and`` binds closer than ``or``."""

    def __init__(self, tokens: list[str], attributes: frozenset[str]) -> None:
        self.tokens, self.attributes, self.comparisons = tokens, attributes, 0

    def _next(self) -> str:
        if not self.tokens:
            raise FilterError("The filter ends too early")
        return self.tokens.pop(0)

    def _takes(self, word: str) -> bool:
        found = bool(self.tokens) and self.tokens[0].lower() == word
        if found:
            self.tokens.pop(0)
        return found

    def either(self, depth: int) -> Filter:
        parts = [self.both(depth)]
        while self._takes("or"):
            parts.append(self.both(depth))
        return parts[0] if len(parts) == 1 else Together(tuple(parts), any_of=True)

    def both(self, depth: int) -> Filter:
        parts = [self.one(depth)]
        while self._takes("and"):
            parts.append(self.one(depth))
        return parts[0] if len(parts) == 1 else Together(tuple(parts))

    def one(self, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise FilterError("The filter has too many brackets")
        if self._takes("("):
            inner = self.either(depth + 1)
            if not self._takes(")"):
                raise FilterError("The filter lacks a closing bracket")
            return inner
        self.comparisons += 1
        if self.comparisons > MAX_COMPARISONS:
            raise FilterError("The filter compares too much")
        attribute, operator = self._next().lower(), self._next().lower()
        if attribute not in self.attributes:
            raise FilterError(f"The filter asks for {attribute[:50]!r}, which there is not")
        if operator not in OPERATORS:
            raise FilterError(f"The filter compares by {operator[:50]!r}; it can by {', '.join(OPERATORS)}")
        return Comparison(attribute, operator, _value(self._next()))


def _value(token: str) -> str | bool:
    try:
        value = json.loads(token)
    except ValueError:
        raise FilterError(
            f"The filter has the value {token[:50]!r}, which is neither text nor true nor false"
        ) from None
    if not isinstance(value, str | bool):
        raise FilterError("The filter compares text, true and false")
    return value.lower() if isinstance(value, str) else value
