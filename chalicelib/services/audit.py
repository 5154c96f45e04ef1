"""Audit events: written in the transaction of what they tell of. What is about an app is told in its log, too."""

from typing import Any

from chalicelib.adapters.clock import new_guid, now, stamp
from chalicelib.core import app_lines
from chalicelib.core.roles import Actor
from chalicelib.services import app_log
from chalicelib.tables.apps import App
from chalicelib.tables.base import Resource
from chalicelib.tables.ledger import AuditEvent
from chalicelib.tables.unit import Unit

#: Cloud Foundry keeps audit events for 31 days.
KEPT_S = 31 * 24 * 3600

#: Who did it when nobody asked: the platform itself.
SYSTEM = Actor(guid="system", name="system")


def record(
    unit: Unit,
    actor: Actor,
    event: str,
    target: Resource,
    space_guid: str | None = None,
    org_guid: str | None = None,
    data: dict[str, Any] | None = None,
    guid: str | None = None,
    at: float | None = None,
) -> None:
    """``event``: ``audit.app.create`` and the like. ``data`` must hold no secret; say ``[PRIVATE DATA HIDDEN]``.

    guid: of what may be told twice, so that it makes one event; at: when that was, epoch s, so that it makes one line.
    """
    created_at, guid = stamp(), guid or new_guid()
    unit.put(
        AuditEvent(
            guid,
            created_at=created_at,
            day=created_at[:10],
            type=event,
            actor={"guid": actor.guid, "type": "system" if actor is SYSTEM else "user", "name": actor.name},
            target={"guid": target.guid, "type": target.LABEL.lower().replace(" ", "_"), "name": target.list_name},
            target_guid=target.guid,
            data=data or {},
            space_guid=space_guid or "none",
            org_guid=org_guid or "none",
            expires_at=int(now()) + KEPT_S,
        )
    )
    line = app_lines.line(event, str(target.guid), data or {}) if isinstance(target, App) else None
    if line is not None:
        app_log.tell(unit, str(target.guid), guid, line, now() if at is None else at)
