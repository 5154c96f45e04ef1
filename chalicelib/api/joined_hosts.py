"""Hosts that AWS does not run: operators invite and revoke them, and they come for their credentials.

The two that hosts ask have proofs of their own, and answer nobody else.
"""

from typing import Any

from chalicelib.adapters.clock import moment, now
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.core import joining
from chalicelib.services import access
from chalicelib.services import joining as joins
from chalicelib.tables.joined import JoinedHost

endpoints = Endpoints(__name__)

#: Tokens and secrets have some 80 characters.
MOST_SECRET = 200

#: Nobody on the way keeps an answer with credentials.
PRIVATE = {"Cache-Control": "no-store"}


def _host(row: JoinedHost) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "state": joining.state(str(row.state), float(row.invited_until), now()),
        "invited_by": str(row.invited_by),
        "invited_until": _moment(row.invited_until),
        "joined_at": _moment(row.joined_at),
        "renewed_at": _moment(row.renewed_at),
        "revoked_at": _moment(row.revoked_at),
    }


def _moment(at: Any) -> str | None:
    return moment(float(at)) if at else None


def _admitted(found: joins.Admitted) -> dict[str, Any]:
    """now: the platform's clock, for a host to compare its own with."""
    credentials = found.credentials
    return {
        "id": found.name,
        "secret": found.secret,
        "now": now(),
        "credentials": {
            "access_key": credentials.access_key,
            "secret_key": credentials.secret_key,
            "session_token": credentials.session_token,
            "expires_in_s": credentials.expires_in_s,
        },
    }


@endpoints("GET", "/admin/joined_hosts")
def list_joined_hosts(request: Request) -> Answer:
    """All that were invited, whatever became of them."""
    access.require_admin(request.actor)
    request.only()
    return Answer({"resources": [_host(row) for row in joins.everyone()]})


@endpoints("POST", "/admin/joined_hosts")
def invite(request: Request) -> Answer:
    """The token is shown here and never again. valid_s: seconds in which it can be used."""
    access.require_admin(request.actor)
    body = Body(request.json())
    name = body.name()
    if name and (fault := joining.fault_of_name(name)):
        body.wrong(fault)
    valid_s = body.integer("valid_s", joining.LEAST_INVITED_S, joining.MOST_INVITED_S)
    body.done()
    row, token = joins.invite(request.world, request.actor, name, valid_s or joining.INVITED_S)
    return Answer(_host(row) | {"token": token, "url": request.base}, 201, PRIVATE)


@endpoints("POST", "/admin/joined_hosts/{guid}/actions/revoke")
def revoke(request: Request, guid: str) -> Answer:
    """It gets no more credentials, and is drained while it still hears."""
    access.require_admin(request.actor)
    return Answer(_host(joins.revoke(request.world, request.actor, guid, request.trace)), 202)


@endpoints("POST", "/hosts/join")
def join(request: Request) -> Answer:
    """By a host that shows its token: its membership, the settings of its agent, and its first credentials."""
    body = Body(request.json())
    token = body.text("token", required=True, limit=MOST_SECRET)
    body.done()
    settings = joins.settings(request.world)
    return Answer(_admitted(joins.join(request.world, token or "")) | {"settings": settings}, 200, PRIVATE)


@endpoints("POST", "/hosts/credentials")
def renew(request: Request) -> Answer:
    """By a host that shows its secret: the next one, and new credentials."""
    body = Body(request.json())
    name = body.text("id", required=True)
    secret = body.text("secret", required=True, limit=MOST_SECRET)
    body.done()
    return Answer(_admitted(joins.renew(request.world, name or "", secret or "")), 200, PRIVATE)
