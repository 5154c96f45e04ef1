"""Reading audit events: of a target, a space, an organization, or all that the actor may see."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.adapters.clock import now
from chalicelib.core.errors import NotFound
from chalicelib.core.roles import READ_EVENTS, Actor
from chalicelib.services import access
from chalicelib.services.audit import KEPT_S
from chalicelib.services.listing import is_possible
from chalicelib.tables.ledger import AuditEvent

#: The newest of a target, a space, an organization or a day that are looked at.
READ_AT_MOST = 5000

#: The role in an organization that sees what happens to it, too.
ORG_READER = "organization_auditor"


def search(
    actor: Actor,
    targets: Iterable[str] | None = None,
    spaces: Iterable[str] | None = None,
    orgs: Iterable[str] | None = None,
) -> list[AuditEvent]:
    """Of the first that is given, in the order of the parameters; without any, everything that may be seen."""
    found: Iterable[AuditEvent]
    if targets is not None:
        found = _each(AuditEvent.by_target, targets)
    elif spaces is not None:
        found = _each(AuditEvent.by_space, spaces)
    elif orgs is not None:
        found = _each(AuditEvent.by_org, orgs)
    elif actor.sees_all:
        found = _each(AuditEvent.by_day, _days())
    else:
        found = [
            *_each(AuditEvent.by_space, access.visible_spaces(actor, READ_EVENTS) or ()),
            *_each(AuditEvent.by_org, _orgs(actor)),
        ]
    by_guid = {str(event.guid): event for event in found}
    return visible(actor, by_guid.values())


def find(actor: Actor, guid: str) -> AuditEvent:
    """Raises NotFound("Event")."""
    if not is_possible(guid):
        raise NotFound("Event")
    try:
        event = AuditEvent.get(guid, consistent_read=True)
    except AuditEvent.DoesNotExist:
        raise NotFound("Event") from None
    if not visible(actor, [event]):
        raise NotFound("Event")
    return event


def visible(actor: Actor, events: Iterable[AuditEvent]) -> list[AuditEvent]:
    """Those of the spaces in which the actor may read events, and of organizations that he audits."""
    if actor.sees_all:
        return list(events)
    spaces, orgs = set(access.visible_spaces(actor, READ_EVENTS) or ()), set(_orgs(actor))
    return [event for event in events if event.space_guid in spaces or event.org_guid in orgs]


def _orgs(actor: Actor) -> list[str]:
    return [guid for guid, roles in actor.orgs.items() if ORG_READER in roles]


def _each(index: Any, keys: Iterable[str]) -> Iterator[AuditEvent]:
    for key in filter(is_possible, keys):
        yield from index.query(key, scan_index_forward=False, limit=READ_AT_MOST)


def _days() -> list[str]:
    """The days of which events are kept, newest first."""
    today = datetime.fromtimestamp(now(), UTC)
    return [(today - timedelta(days=i)).strftime("%Y-%m-%d") for i in range(KEPT_S // 86400 + 1)]
