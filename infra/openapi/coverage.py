"""docs/api-coverage.md: which requests of clients are served, and by which commands they are made."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from infra.openapi.document import Endpoint

CLIENTS = Path(__file__).with_name("clients.txt")

#: Best first: a request is of the class of the most important command that makes it.
CLASSES = {"E": "essential", "X": "expected", "R": "rare"}

SERVED, UNENFORCED, ELSEWHERE, MISSING = "served", "accepted, not enforced yet", "served by the router", "not served"
#: There, to say no in words that clients understand.
REFUSES = frozenset({"GET /oauth/authorize"})

HEAD = """# What of the API is served

Made by `make openapi` from the code and from `infra/openapi/clients.txt`: do not edit.
The whole API describes itself at `GET /v3/openapi.json`.

"Accepted, not enforced yet" answers with a warning (`X-Cf-Warnings`) that clients print. Security groups and network
policies hold where apps run in containers; while hosts are there that run them as plain processes, what changes them
answers with a warning too (`docs/networks.md`). Uploads and logs go past the
API to the routers, which serve them. Version 2 of the API is not offered.
"""


@dataclass
class Request:
    """kind: a key of CLASSES, or empty for what no command asks for. commands: those that make it."""

    kind: str = ""
    commands: list[str] = field(default_factory=list)
    state: str = MISSING


def asked() -> dict[str, Request]:
    """``GET /v3/apps/{}`` -> what is known of it."""
    found: dict[str, Request] = {}
    for line in CLIENTS.read_text().splitlines():
        if line.startswith("#"):
            continue
        kind, commands, requests = (part.strip() for part in line.split("|"))
        for text in requests.split(";"):
            name = text.strip().removesuffix(" @")
            request = found.setdefault(name, Request(kind))
            request.kind = min(request.kind, kind, key=list(CLASSES).index)
            request.commands += commands.split(", ")
            if text.strip().endswith("@"):
                request.state = ELSEWHERE
    return found


def coverage(endpoints: Iterable[Endpoint]) -> str:
    requests = asked()
    for endpoint in endpoints:
        name = f"{endpoint.method} {re.sub(r'{.*?}', '{}', endpoint.path)}"
        request = requests.setdefault(name, Request())
        request.state = UNENFORCED if endpoint.reading.is_unenforced else MISSING if name in REFUSES else SERVED
    return "\n".join([HEAD, *_counts(requests), "", *_table(requests), ""])


def _counts(requests: dict[str, Request]) -> Iterable[str]:
    yield "| | requests | served | not enforced yet | not served |"
    yield "|---|---|---|---|---|"
    for kind, title in {**CLASSES, "": "asked for by no command"}.items():
        states = [request.state for request in requests.values() if request.kind == kind]
        served, unenforced, missing = (states.count(state) for state in (SERVED, UNENFORCED, MISSING))
        served += states.count(ELSEWHERE)
        yield f"| {title} | {len(states)} | {served} | {unenforced} | {missing} |"


def _table(requests: dict[str, Request]) -> Iterable[str]:
    yield "| request | state | class | commands |"
    yield "|---|---|---|---|"
    for name, request in sorted(requests.items(), key=lambda item: item[0].split(" ")[::-1]):
        commands = ", ".join(f"`{command}`" for command in dict.fromkeys(request.commands))
        yield f"| `{name}` | {request.state} | {CLASSES.get(request.kind, '')} | {commands} |"
