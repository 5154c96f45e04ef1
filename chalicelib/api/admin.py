"""/admin: the operator's own endpoints, which Cloud Foundry does not have: hosts, components, dead letters."""

from typing import Any

from chalicelib.adapters.clock import moment, now
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.contracts.components import CORDON, DRAIN, UNCORDON, VERSION
from chalicelib.services import access, dead_letters, hosts
from chalicelib.tables.actual import Component

endpoints = Endpoints(__name__)


def _host(seen: hosts.HostSeen) -> dict[str, Any]:
    row = seen.row
    return {
        "id": str(row.id),
        "state": seen.state,
        "boot": str(row.boot),
        "host": str(row.host),
        "stack": str(row.stack),
        "arch": str(row.arch),
        **{name: int(value) for name, value in dict(row.capacity).items()},
        "instances": len(row.instances),
        "builds": len(row.builds),
        "tasks": len(row.tasks),
        "seen_at": moment(seen.seen_at),
        "problem": str(row.problem),
    }


def _component(row: Component) -> dict[str, Any]:
    return {
        "type": str(row.type),
        "id": str(row.id),
        "boot": str(row.boot),
        "version": str(row.version),
        "http": str(row.http),
        "started_at": moment(float(row.started_at)),
        "seen_at": moment(float(row.seen_at)),
    }


def _letter(found: dead_letters.Found) -> dict[str, Any]:
    told = {
        "id": found.letter.id,
        "queue": found.queue,
        "died_at": moment(float(found.letter.died_at)),
        "bytes": len(found.letter.body),
    }
    if found.envelope is None:
        return told | {"problem": found.problem}
    envelope = found.envelope
    return told | {
        "subject": envelope.subject,
        "sender": envelope.sender,
        "sent_at": moment(float(envelope.sent_at)),
        "trace": envelope.trace,
        "is_expired": envelope.is_expired(now()),
    }


@endpoints("GET", "/admin/hosts")
def list_hosts(request: Request) -> Answer:
    access.require_admin(request.actor)
    request.only()
    return Answer({"resources": [_host(seen) for seen in hosts.everyone(request.world)]})


def _order(request: Request, name: str, what: str) -> Answer:
    access.require_admin(request.actor)
    return Answer(_host(hosts.order(request.world, request.actor, name, what, request.trace)), 202)


@endpoints("POST", "/admin/hosts/{guid}/actions/drain")
def drain(request: Request, guid: str) -> Answer:
    """Its instances move to other hosts, without a lost request; then its agent ends."""
    return _order(request, guid, DRAIN)


@endpoints("POST", "/admin/hosts/{guid}/actions/cordon")
def cordon(request: Request, guid: str) -> Answer:
    """It keeps what it has, and takes nothing more."""
    return _order(request, guid, CORDON)


@endpoints("POST", "/admin/hosts/{guid}/actions/uncordon")
def uncordon(request: Request, guid: str) -> Answer:
    return _order(request, guid, UNCORDON)


@endpoints("GET", "/admin/components")
def list_components(request: Request) -> Answer:
    """version: the control plane's own; each of the others tells its own."""
    access.require_admin(request.actor)
    request.only()
    return Answer({"version": VERSION, "resources": [_component(row) for row in hosts.components()]})


@endpoints("POST", "/admin/components/actions/discover")
def discover(request: Request) -> Answer:
    """Everybody announces themselves, within seconds."""
    access.require_admin(request.actor)
    hosts.discover(request.world, request.trace)
    return Answer(None, 204)


@endpoints("GET", "/admin/dead_letters")
def list_dead_letters(request: Request) -> Answer:
    access.require_admin(request.actor)
    request.only()
    return Answer({"resources": [_letter(found) for found in dead_letters.look(request.world)]})


def _named(request: Request) -> tuple[str, list[str]]:
    body = Body(request.json())
    queue = body.choice("queue", dead_letters.QUEUES)
    if not body.has("queue"):
        body.wrong(f"Queue must be one of {', '.join(dead_letters.QUEUES)}")
    ids = body.texts("ids")
    body.done()
    return str(queue), ids or []


@endpoints("POST", "/admin/dead_letters/actions/replay")
def replay(request: Request) -> Answer:
    """ids: which of ``queue``; all of them without it."""
    access.require_admin(request.actor)
    queue, ids = _named(request)
    outcome = dead_letters.replay(request.world, queue, ids)
    return Answer({"replayed": outcome.done, "left": outcome.left})


@endpoints("POST", "/admin/dead_letters/actions/drop")
def drop(request: Request) -> Answer:
    """ids: which of ``queue``; all of them without it."""
    access.require_admin(request.actor)
    queue, ids = _named(request)
    outcome = dead_letters.drop(request.world, queue, ids)
    return Answer({"dropped": outcome.done, "left": outcome.left})
