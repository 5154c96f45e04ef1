"""How code becomes something that runs: the stacks and buildpacks there are. Pure."""

import json
import re
from collections.abc import Iterable, Mapping, Set
from urllib.parse import urlsplit

from chalicelib.core.units import MAX_COMMAND

#: Those that come with the platform, in the order in which they are asked whether they know the app: Cloud Foundry's.
#: The last one takes whatever says itself how it starts.
BUILDPACKS = (
    "staticfile",
    "java",
    "ruby",
    "nodejs",
    "go",
    "python",
    "php",
    "erlang",
    "nginx",
    "binary",
)
#: Their names, and those of Cloud Foundry, end in this; apps may leave it out.
SUFFIX = "_buildpack"
BUILDPACK_NAME = re.compile(r"[\w-]{1,250}", re.ASCII)
MAX_BUILDPACKS = 10
ADDRESS = re.compile(r"[!-~]{1,250}")

#: Process types of one droplet: all of them are made in one transaction.
MAX_PROCESS_TYPES = 16
PROCESS_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
#: Of all commands together as JSON, which can be 12 times as long as their text: they travel in one message.
MAX_COMMANDS_BYTES = 64 * 1024

#: The one user that commands run as here, by the name that it has in Cloud Foundry.
USER = "vcap"


def wrong_user(name: str) -> str | None:
    """Why a process or a task cannot run as this user, or None: whoever names one names the one that there is."""
    if name == USER:
        return None
    return f"User invalid (requested user '{name[:100]}' not allowed, permitted users are: '{USER}')"


def wrong_lifecycle(kind: object) -> str | None:
    """Why apps of this lifecycle type cannot be, or None."""
    if kind in (None, "buildpack"):
        return None
    if kind in ("docker", "cnb"):
        return f"Lifecycle type '{kind}' is not enabled on this platform; use 'buildpack'"
    return "Lifecycle type is not included in the list: buildpack"


def wrong_buildpacks(buildpacks: Iterable[str], known: Set[str] | None = None) -> list[str]:
    """A sentence for each that is neither among the installed ones' names, nor the address of a repository.

    known: None where nobody can tell yet what is installed; then any name may be one.
    """
    names = list(buildpacks)
    if len(names) > MAX_BUILDPACKS:
        return [f"Buildpacks must be at most {MAX_BUILDPACKS}"]
    return [sentence for name in names if (sentence := _wrong_buildpack(name, known))]


def _wrong_buildpack(name: str, known: Set[str] | None) -> str | None:
    if known is None and BUILDPACK_NAME.fullmatch(name):
        return None
    if known is not None and not known.isdisjoint((name, name + SUFFIX)):
        return None
    try:
        parts = urlsplit(name)
        if parts.password or (parts.username and parts.scheme in ("http", "https")):
            # Addresses are shown in lists, events and logs.
            return f"The address of the buildpack on {parts.hostname} must not have a user or a password in it"
        good = parts.scheme in ("https", "http", "git", "ssh") and bool(parts.hostname) and len(parts.path) > 1
    except ValueError:
        good = False
    if good and ADDRESS.fullmatch(name):
        return None
    return f'Buildpack "{name[:100]}" must be an existing admin buildpack or a valid git URI'


def wrong_process_types(types: Mapping[str, str]) -> str | None:
    """Why a droplet cannot have these processes (type -> command), or None."""
    if len(types) > MAX_PROCESS_TYPES:
        return f"the app has {len(types)} process types; {MAX_PROCESS_TYPES} are allowed"
    for name, command in types.items():
        if not PROCESS_TYPE.fullmatch(name):
            return f"the process type {name[:60]!r} may have letters, digits, '.', '_' and '-' only"
        if not command.strip() or len(command) > MAX_COMMAND or "\0" in command:
            return f"the command of process type {name!r} must have 1 to {MAX_COMMAND} characters"
    if len(json.dumps(dict(types))) > MAX_COMMANDS_BYTES:
        return f"the commands of all process types are longer than {MAX_COMMANDS_BYTES // 1024} KB together"
    return None
