"""Which processes an app has: what its buildpacks propose and what its Procfile says. Pure."""

import re
from collections.abc import Iterable
from typing import Any

from chalicelib.core import yaml_guard
from chalicelib.core.yaml_guard import YamlRefused

#: The longest start command taken, in characters; the API's own limit.
MAX_COMMAND = 4096

#: Takes a line from end to end in one go: a pattern that looks for the end of the blanks would need the square of
#: their number, and the agent does nothing else meanwhile.
PROCFILE_LINE = re.compile(r"([A-Za-z0-9_.-]{1,255})\s*:(.*)")


class BadProcesses(ValueError):
    """A Procfile or an answer of a buildpack that cannot be understood. The text names what is wrong."""


def from_procfile(text: str) -> dict[str, str]:
    """``name: command`` per line; comments and empty lines do not count."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = PROCFILE_LINE.fullmatch(line.strip())
        if not match or not match[2].strip():
            raise BadProcesses(f"line {number} of the Procfile is not like 'web: command'")
        found[match[1]] = _command(match[2], f"line {number} of the Procfile")
    return found


def from_release(text: str) -> dict[str, str]:
    """``default_process_types`` of what ``bin/release`` printed."""
    data = _yaml(text, "bin/release")
    types = data.get("default_process_types") or {}
    if not isinstance(types, dict):
        raise BadProcesses("default_process_types of bin/release is not a map")
    return {str(name): _command(command, f"the process {name!r} of bin/release") for name, command in types.items()}


def from_launch(text: str) -> dict[str, str]:
    """``processes`` of a ``launch.yml``: a list of type and command."""
    items = _yaml(text, "launch.yml").get("processes") or []
    if not isinstance(items, list) or not all(isinstance(item, dict) and "type" in item for item in items):
        raise BadProcesses("processes of launch.yml is not a list of types and commands")
    return {str(item["type"]): _command(item.get("command"), "a process of launch.yml") for item in items}


def identity(text: str) -> tuple[str | None, str | None]:
    """(name, version) from a buildpack's ``config.yml``; what it does not tell is None."""
    try:
        data = _yaml(text, "config.yml")
    except BadProcesses:
        return None, None
    name, version = data.get("name"), data.get("version")
    return (str(name)[:250] if name else None), (str(version)[:250] if version else None)


def merged(proposals: Iterable[dict[str, str]]) -> dict[str, str]:
    """Later ones win, name by name."""
    return {name: command for proposal in proposals for name, command in proposal.items()}


def _yaml(text: str, what: str) -> dict[str, Any]:
    """Of the app's owner, read by the agent: an alias that stands for millions of nodes is refused, not followed."""
    try:
        data = yaml_guard.load(text)
    except YamlRefused as refusal:
        raise BadProcesses(f"{what} did not answer in YAML: {refusal}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise BadProcesses(f"{what} did not answer with a map")
    return data


def _command(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadProcesses(f"{what} has no command")
    if len(value) > MAX_COMMAND or "\0" in value:
        raise BadProcesses(f"{what} has a command of more than {MAX_COMMAND} characters")
    return value.strip()
