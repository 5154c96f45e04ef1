"""Request bodies into checked values. All faults of a body are gathered and answered in one 422, as clients expect.

body = Body(request.json())
name = body.text("name", required=True)
space = body.relationship("space")
body.done()      # raises Unprocessable with everything that was wrong, unknown fields included
"""

import re
from typing import Any

from chalicelib.core import metadata
from chalicelib.core.errors import Unprocessable

MAX_TEXT = 250
#: Numbers beyond a Postgres integer are refused by Cloud Foundry, and so by us.
MAX_INTEGER = 2_147_483_647


class Body:
    """A JSON object whose fields are taken one by one; ``done`` refuses what nobody took."""

    def __init__(self, data: dict[str, Any], prefix: str = "", errors: list[str] | None = None) -> None:
        self.data, self.prefix = data, prefix
        self.errors: list[str] = [] if errors is None else errors
        self._taken: set[str] = set()

    def has(self, name: str) -> bool:
        return name in self.data

    def wrong(self, message: str) -> None:
        self.errors.append(message)

    def take(self, name: str, required: bool = False) -> Any:
        """The raw value; None when it is absent."""
        self._taken.add(name)
        if required and self.data.get(name) is None:
            self.wrong(f"{self._title(name)} can't be blank")
        return self.data.get(name)

    def text(self, name: str, required: bool = False, limit: int = MAX_TEXT, default: str | None = None) -> str | None:
        value = self.take(name, required)
        if value is None:
            return default
        if not isinstance(value, str):
            self.wrong(f"{self._title(name)} must be a string")
            return default
        if required and not value.strip():
            self.wrong(f"{self._title(name)} can't be blank")
        if len(value) > limit:
            self.wrong(f"{self._title(name)} is too long (maximum is {limit} characters)")
        if "\0" in value:
            self.wrong(f"{self._title(name)} must not contain null characters")
        return value

    def name(self, field: str = "name", required: bool = True) -> str:
        """A resource's name: printable characters on one line."""
        value = self.text(field, required=required) or ""
        if any(not character.isprintable() for character in value):
            self.wrong(f"{self._title(field)} must not contain unprintable characters")
        return value

    def integer(self, name: str, minimum: int = 0, maximum: int = MAX_INTEGER, required: bool = False) -> int | None:
        """An integer; some clients quote numbers, so ``"2"`` is taken for 2."""
        value = self.take(name, required)
        if value is None:
            return None
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            self.wrong(f"{self._title(name)} is not a number")
            return None
        if value < minimum:
            self.wrong(f"{self._title(name)} must be greater than or equal to {minimum}")
        if value > maximum:
            self.wrong(f"{self._title(name)} must be less than or equal to {maximum}")
        return value

    def boolean(self, name: str, default: bool = False) -> bool:
        value = self.take(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.wrong(f"{self._title(name)} must be a boolean")
            return default
        return value

    def choice(self, name: str, allowed: tuple[str, ...], default: str | None = None) -> str | None:
        value = self.text(name, default=default)
        if value is not None and value not in allowed:
            self.wrong(f"{self._title(name)} must be one of {', '.join(allowed)}")
        return value

    def texts(self, name: str) -> list[str] | None:
        """A list of strings."""
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.wrong(f"{self._title(name)} must be a list of strings")
            return None
        return value

    def part(self, name: str, required: bool = False) -> "Body":
        """A nested object; its faults count as this body's, its unknown fields are refused by its own ``done``."""
        value = self.take(name, required)
        if value is not None and not isinstance(value, dict):
            self.wrong(f"{self._title(name)} must be an object")
            value = None
        return Body(value or {}, f"{self.prefix}{name}.", self.errors)

    def relationship(self, name: str, required: bool = True) -> str | None:
        """The guid in ``relationships.<name>.data.guid``."""
        relationships = self.take("relationships", required)
        try:
            data = relationships[name]["data"]
            guid = data["guid"] if data is not None else None
        except (KeyError, TypeError):
            guid = None
        if isinstance(guid, str):
            return guid
        if required:
            self.wrong(
                f"Relationships {name.capitalize()} must be structured like this: "
                f'"{name}: {{"data": {{"guid": "valid-guid"}}}}"'
            )
        return None

    def metadata(self, resource: Any) -> None:
        """Merge ``metadata`` into a resource's labels and annotations; null deletes."""
        if not self.has("metadata"):
            return
        part = self.part("metadata")
        for kind in metadata.KINDS:
            changes = part.take(kind)
            if changes is not None:
                present, wrong = metadata.merged(kind, getattr(resource, kind) or {}, changes)
                self.errors += wrong
                setattr(resource, kind, present)
        part.finish()

    def finish(self) -> None:
        """Of a part: note the fields that nobody took."""
        unknown = [repr(f"{self.prefix}{name}") for name in self.data if name not in self._taken]
        if unknown:
            self.errors.insert(0, f"Unknown field(s): {', '.join(unknown)}")

    def done(self) -> None:
        """Raises Unprocessable with all that was wrong."""
        self.finish()
        if self.errors:
            raise Unprocessable(*self.errors)

    def _title(self, name: str) -> str:
        return f"{self.prefix}{name}".replace("_", " ").capitalize()
