"""/v3/security_groups, and those that hold for a space."""

import json
from collections.abc import Callable
from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.relationships import answered, body_guids, related, to_many
from chalicelib.api.render import Render, accepted, common, listing, paginated, warned
from chalicelib.core import security_rules
from chalicelib.core.errors import BadQuery
from chalicelib.services import access, networks, security_groups
from chalicelib.services.listing import page
from chalicelib.services.security_groups import RUNNING, STAGING
from chalicelib.tables.network import SecurityGroup

endpoints = Endpoints(__name__)


def _renderer(request: Request) -> Render:
    """Of its spaces only those that the caller may see are told."""
    visible = access.visible_spaces(request.actor)

    def spaces(guids: list[str]) -> dict[str, Any]:
        return to_many(guid for guid in guids if visible is None or guid in visible)

    def render(request: Request, group: SecurityGroup) -> dict[str, Any]:
        document = common(request, group)
        del document["metadata"]
        return document | {
            "name": group.name,
            "rules": list(group.rules or ()),
            "globally_enabled": {"running": bool(group.is_running), "staging": bool(group.is_staging)},
            "relationships": {
                "running_spaces": spaces(list(group.running_spaces or ())),
                "staging_spaces": spaces(list(group.staging_spaces or ())),
            },
        }

    return render


def _document(request: Request, group: SecurityGroup) -> dict[str, Any]:
    return _renderer(request)(request, group)


@endpoints("GET", "/v3/security_groups")
def index(request: Request) -> Answer:
    filters = ("running_space_guids", "staging_space_guids", "globally_enabled_running", "globally_enabled_staging")
    what = listing(request, [SecurityGroup.KIND], *filters).having(security_groups.visible(request.actor))
    for phase in (RUNNING, STAGING):
        if (spaces := request.values(f"{phase}_space_guids")) is not None:
            what = what.having(_is_bound(phase, spaces))
        if (wanted := _boolean(request, f"globally_enabled_{phase}")) is not None:
            what = what.having(_is_global(phase, wanted))
    return paginated(request, page(SecurityGroup, what), _renderer(request))


def _is_bound(phase: str, spaces: frozenset[str]) -> Callable[[Any], bool]:
    return lambda group: not spaces.isdisjoint(security_groups.spaces_of(group, phase))


def _is_global(phase: str, wanted: bool) -> Callable[[Any], bool]:
    return lambda group: bool(getattr(group, f"is_{phase}")) == wanted


def _boolean(request: Request, name: str) -> bool | None:
    text = request.query.get(name)
    if text is None:
        return None
    if text not in ("true", "false"):
        raise BadQuery(f"{name.capitalize().replace('_', ' ')} must be 'true' or 'false'")
    return text == "true"


@endpoints("POST", "/v3/security_groups")
def create(request: Request) -> Answer:
    access.require_admin(request.actor)
    body = Body(request.json())
    group = SecurityGroup(name=body.name(), rules=[])
    _take(body, group)
    part = body.part("relationships")
    for phase in (RUNNING, STAGING):
        setattr(group, f"{phase}_spaces", related(part, f"{phase}_spaces"))
    part.finish()
    body.done()
    security_groups.create(request.world, request.actor, group, request.trace)
    return _told(request, group, Answer(_document(request, group), 201))


def _told(request: Request, group: SecurityGroup, answer: Answer) -> Answer:
    """With what does not hold of it."""
    return warned(answer, *networks.warnings(request.world))


def _take(body: Body, group: SecurityGroup) -> None:
    """Rules and ``globally_enabled`` into the group."""
    if body.has("rules"):
        rules = body.take("rules")
        wrong = security_rules.problems(rules)
        body.errors += wrong[:20]
        if not wrong and len(json.dumps(rules)) > security_rules.MAX_BYTES:
            body.wrong(f"Rules must be at most {security_rules.MAX_BYTES} bytes together")
        group.rules = rules
    enabled = body.take("globally_enabled")
    if enabled is None:
        return
    if not isinstance(enabled, dict):
        body.wrong("Globally enabled must be an object")
    elif set(enabled) - {RUNNING, STAGING}:
        body.wrong("Globally enabled only allows keys 'running' or 'staging'")
    elif not all(isinstance(value, bool) for value in enabled.values()):
        body.wrong("Globally enabled values must be booleans")
    else:
        for phase, value in enabled.items():
            setattr(group, f"is_{phase}", value)


@endpoints("GET", "/v3/security_groups/{guid}")
def show(request: Request, guid: str) -> Answer:
    request.only()
    return Answer(_document(request, security_groups.find(request.actor, guid)))


@endpoints("PATCH", "/v3/security_groups/{guid}")
def update(request: Request, guid: str) -> Answer:
    group = security_groups.find(request.actor, guid)
    access.require_admin(request.actor)
    body = Body(request.json())
    name = body.name() if body.has("name") else None
    _take(body, group)
    body.done()
    security_groups.update(request.world, request.actor, group, name, request.trace)
    return _told(request, group, Answer(_document(request, group)))


@endpoints("DELETE", "/v3/security_groups/{guid}")
def delete(request: Request, guid: str) -> Answer:
    group = security_groups.find(request.actor, guid)
    return accepted(request, security_groups.delete(request.world, request.actor, group, request.trace))


def _bind(request: Request, guid: str, phase: str) -> Answer:
    group = security_groups.find(request.actor, guid)
    security_groups.bind(request.world, request.actor, group, phase, body_guids(request), request.trace)
    seen = _document(request, group)["relationships"][f"{phase}_spaces"]["data"]
    path = f"security_groups/{guid}/relationships/{phase}_spaces"
    answer = answered(request, path, [item["guid"] for item in seen])
    return warned(answer, *networks.warnings(request.world))


def _unbind(request: Request, guid: str, phase: str, space_guid: str) -> Answer:
    group = security_groups.find(request.actor, guid)
    security_groups.unbind(request.world, request.actor, group, phase, space_guid, request.trace)
    return Answer(status=204)


@endpoints("POST", "/v3/security_groups/{guid}/relationships/running_spaces")
def bind_running(request: Request, guid: str) -> Answer:
    return _bind(request, guid, RUNNING)


@endpoints("POST", "/v3/security_groups/{guid}/relationships/staging_spaces")
def bind_staging(request: Request, guid: str) -> Answer:
    return _bind(request, guid, STAGING)


@endpoints("DELETE", "/v3/security_groups/{guid}/relationships/running_spaces/{space_guid}")
def unbind_running(request: Request, guid: str, space_guid: str) -> Answer:
    return _unbind(request, guid, RUNNING, space_guid)


@endpoints("DELETE", "/v3/security_groups/{guid}/relationships/staging_spaces/{space_guid}")
def unbind_staging(request: Request, guid: str, space_guid: str) -> Answer:
    return _unbind(request, guid, STAGING, space_guid)


def _of_space(request: Request, guid: str, phase: str) -> Answer:
    access.space_for(request.actor, guid)
    what = listing(request, [SecurityGroup.KIND]).having(security_groups.applies_to(guid, phase))
    return paginated(request, page(SecurityGroup, what), _renderer(request))


@endpoints("GET", "/v3/spaces/{guid}/running_security_groups")
def running_in_space(request: Request, guid: str) -> Answer:
    return _of_space(request, guid, RUNNING)


@endpoints("GET", "/v3/spaces/{guid}/staging_security_groups")
def staging_in_space(request: Request, guid: str) -> Answer:
    return _of_space(request, guid, STAGING)
