"""What commands of several themes do alike: ask before they delete, wait with a line, read sizes and parameters."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from zf.client.errors import NotFoundError, UsageError, ZfError
from zf.command import Invocation

T = TypeVar("T")

#: Options of several commands.
force = click.option("-f", "--force", is_flag=True, help="Do not ask; what is not there is fine.")
with_parameters = click.option(
    "-c", "--parameters", metavar="JSON", help="For the broker: a JSON object, or a file with one."
)
no_wait = click.option("--no-wait", is_flag=True, help="Come back while the broker is still at work.")


def confirm(it: Invocation, question: str) -> None:
    """Raises ZfError when the answer is no, UsageError without a terminal to ask at."""
    if not sys.stdin.isatty():
        raise UsageError("This asks a question, and there is no terminal to answer it", "Answer beforehand: -f")
    if not click.confirm(question, err=True):
        raise ZfError("Nothing was changed")


def secret(question: str, how: str, twice: bool = False) -> str:
    """A password typed at the terminal. how: what to do where there is none."""
    if not sys.stdin.isatty():
        raise UsageError(f"{question} is missing, and there is no terminal to ask", f"Give it by {how}")
    answer: Any = click.prompt(question, hide_input=True, err=True, confirmation_prompt=twice)
    return str(answer)


def delete(
    it: Invocation, what: str, name: str, forced: bool, find: Callable[[], T], remove: Callable[[T], None]
) -> None:
    """Ask, delete, tell. forced: without asking, and what is not there is fine."""
    try:
        found = find()
    except NotFoundError:
        if not forced:
            raise
        it.console.say(f"{what} {name} does not exist: nothing to delete.")
        it.console.result({"name": name, "deleted": False})
        return
    if not forced:
        confirm(it, f"Delete {what[:1].lower()}{what[1:]} {name}?")
    with working(it, f"Deleting {name}"):
        remove(found)
    it.console.say(f"{what} {name} is deleted.")
    it.console.result({"name": name, "deleted": True})


@contextmanager
def working(it: Invocation, label: str) -> Iterator[None]:
    """Show on a terminal that something goes on, for as long as it does."""
    if not it.console.tty:
        yield
        return
    with it.console.rich.status(label):
        yield


def megabytes(flag: str, text: str) -> int:
    """256M, 1.5G; at least 1 MB. Raises UsageError."""
    match = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]+)?)\s*([MGT])B?", text.strip(), re.IGNORECASE)
    count = round(float(match[1]) * {"M": 1, "G": 1024, "T": 1024 * 1024}[match[2].upper()]) if match else 0
    if count < 1:
        raise UsageError(f"{flag} is '{text}'; it must be a size such as 256M or 1G")
    return count


def json_object(flag: str, text: str | None) -> dict[str, Any] | None:
    """A JSON object as typed, or in the file of that name. Raises UsageError."""
    if text is None:
        return None
    try:
        raw = text if text.lstrip().startswith(("{", "[")) else Path(text).read_text()
        value = json.loads(raw)
    except OSError as error:
        raise UsageError(f"{flag} names a file that cannot be read: {error.strerror}", "Or give JSON") from None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UsageError(f"{flag} must be a JSON object, or a file with one", f"Such as: {flag} '{{\"size\": 1}}'")
    return value


def listed(it: Invocation, columns: list[str], rows: list[list[str]], nothing: str) -> None:
    """A table, or the sentence that says how to get a first row."""
    if rows:
        it.console.table(columns, rows)
    else:
        it.console.say(nothing)
