"""Letting hosts in that AWS does not run: an invitation that is good once, then credentials while it is a member.

What the platform keeps of tokens and secrets are their hashes. They are 256 random bits, so that a fast hash does.
A host's secret changes at every renewal. The one before stays good until the new one is used: an answer that gets lost
locks nobody out, and a copy of an old secret is worth nothing.
"""

import hashlib
import hmac
import logging
import secrets
from dataclasses import field

from botocore.exceptions import ClientError, ParamValidationError
from pynamodb.exceptions import PutError
from pynamodb.expressions.update import Action

from chalicelib.adapters import roles
from chalicelib.adapters.clock import moment, now, stamp
from chalicelib.adapters.outage import is_outage
from chalicelib.adapters.roles import Credentials
from chalicelib.bootstrap import World
from chalicelib.contracts.components import DRAIN
from chalicelib.contracts.frozen import frozen
from chalicelib.core import joining
from chalicelib.core.errors import Conflict, NotAuthorized, NotFound, Unavailable, Unprocessable
from chalicelib.core.joining import INVITED, JOINED, REVOKED, Place
from chalicelib.core.roles import Actor
from chalicelib.services import hosts
from chalicelib.tables.actual import Dea
from chalicelib.tables.base import moved
from chalicelib.tables.joined import JoinedHost

log = logging.getLogger(__name__)

#: How long it is remembered that somebody was invited, or was revoked, seconds.
REMEMBERED_S = 90 * 24 * 3600


@frozen
class Admitted:
    """What a host is given. secret: shown when credentials are to be renewed."""

    name: str
    secret: str = field(repr=False)
    credentials: Credentials


def everyone() -> list[JoinedHost]:
    """By name."""
    return list(JoinedHost.query("all", consistent_read=True))


def invite(world: World, actor: Actor, name: str, valid_s: int) -> tuple[JoinedHost, str]:
    """A token for the host to be; one that was not used is void then. Raises Unprocessable."""
    _place(world)
    row = _row(name)
    if row is not None and row.state == JOINED:
        raise Unprocessable(f"Host {name} has joined already; revoke it before you invite it again")
    if row is None and _is_host(name):
        raise Unprocessable(f"There is a host {name} already")
    secret = secrets.token_urlsafe(32)
    until = now() + valid_s
    fresh = JoinedHost(
        "all",
        name,
        state=INVITED,
        token_hash=_hash(secret),
        invited_by=actor.name,
        invited_until=until,
        expires_at=int(until + REMEMBERED_S),
    )
    try:
        fresh.save(JoinedHost.state.does_not_exist() | (JoinedHost.state != JOINED))
    except PutError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        raise Conflict from None
    log.info("host %s: invited until %s, says %s", name, stamp(until), actor.name)
    return fresh, joining.token_of(name, secret)


def join(world: World, token: str) -> Admitted:
    """The end of an invitation. Raises NotAuthorized for a token that is not good, and Unprocessable."""
    name = joining.name_in(token)
    row = _row(name) if name else None
    given = _hash(token.rpartition(".")[2])
    if row is None or not hmac.compare_digest(str(row.token_hash), given):
        raise NotAuthorized("This join token is not known")
    if row.state == JOINED:
        raise NotAuthorized(f"This join token was used at {moment(float(row.joined_at))}; it is good once")
    if row.state == REVOKED:
        raise NotAuthorized(f"This join token was revoked at {moment(float(row.revoked_at))}")
    if row.invited_until <= now():
        raise NotAuthorized(f"This join token expired at {moment(float(row.invited_until))}")
    credentials = _credentials(world, name)
    secret = secrets.token_urlsafe(32)
    known = JoinedHost.state
    changes: list[Action] = [
        known.set(JOINED),
        JoinedHost.secret_hash.set(_hash(secret)),
        JoinedHost.next_hash.set(""),
        JoinedHost.joined_at.set(now()),
        JoinedHost.renewed_at.set(now()),
        JoinedHost.expires_at.remove(),
    ]
    if not moved(row, changes, (known == INVITED) & (JoinedHost.token_hash == given)):
        raise Conflict
    log.info("host %s: joined", name)
    return Admitted(name, secret, credentials)


def renew(world: World, name: str, secret: str) -> Admitted:
    """New credentials and a new secret. Raises NotAuthorized for who is no member."""
    row = _row(name) if not joining.fault_of_name(name) else None
    given = _hash(secret)
    mine = row is not None and any(
        hash_ and hmac.compare_digest(str(hash_), given) for hash_ in (row.secret_hash, row.next_hash)
    )
    if row is None or not mine:
        raise NotAuthorized("This is not the secret of a host that has joined")
    if row.state != JOINED:
        raise NotAuthorized(f"Host {name} was revoked at {moment(float(row.revoked_at))}")
    credentials = _credentials(world, name)
    fresh = secrets.token_urlsafe(32)
    changes: list[Action] = [
        JoinedHost.secret_hash.set(given),
        JoinedHost.next_hash.set(_hash(fresh)),
        JoinedHost.renewed_at.set(now()),
    ]
    still = (JoinedHost.secret_hash == str(row.secret_hash)) & (JoinedHost.next_hash == str(row.next_hash))
    if not moved(row, changes, (JoinedHost.state == JOINED) & still):
        raise Conflict
    return Admitted(name, fresh, credentials)


def revoke(world: World, actor: Actor, name: str, trace: str) -> JoinedHost:
    """No credentials any more, and an order to drain for as long as it can hear. Raises NotFound."""
    row = _row(name) if not joining.fault_of_name(name) else None
    if row is None:
        raise NotFound("Host")
    if row.state != REVOKED:
        changes: list[Action] = [
            JoinedHost.state.set(REVOKED),
            JoinedHost.revoked_at.set(now()),
            JoinedHost.expires_at.set(int(now() + REMEMBERED_S)),
        ]
        if not moved(row, changes, JoinedHost.state == str(row.state)):
            raise Conflict
        log.info("host %s: revoked, says %s", name, actor.name, extra={"trace": trace})
    try:
        hosts.order(world, actor, name, DRAIN, trace)
    except (NotFound, Unprocessable):
        pass  # it is not there, or hears nothing: what it ran is started elsewhere anyway
    return row


def settings(world: World) -> dict[str, str]:
    """What an agent of this installation has in its environment."""
    config = world.config
    more = {"ZF_ALLOWED_ADDRESSES": config.allowed_addresses.text, "AWS_ENDPOINT_URL": config.endpoint_url}
    return joining.settings(_place(world), config.timers, more)


def _place(world: World) -> Place:
    config = world.config
    if not config.dea_role_arn:
        raise Unprocessable("This installation lets no hosts in that AWS does not run: ZF_DEA_ROLE_ARN is not set")
    return Place(config.prefix, config.region, config.account, config.dea_role_arn)


def _credentials(world: World, name: str) -> Credentials:
    place = _place(world)
    try:
        return roles.assume(place.role, place.region, name, joining.session_policy(place, name), joining.CREDENTIALS_S)
    except (ClientError, ParamValidationError) as error:
        if is_outage(error):
            raise
        log.error("the role for hosts that AWS does not run cannot be assumed: %s", error)
        raise Unavailable("The platform has no credentials for hosts; its log says why (docs/hybrid.md)") from None


def _row(name: str) -> JoinedHost | None:
    try:
        return JoinedHost.get("all", name, consistent_read=True)
    except JoinedHost.DoesNotExist:
        return None


def _is_host(name: str) -> bool:
    try:
        return not Dea.get("all", name, consistent_read=True).lost
    except Dea.DoesNotExist:
        return False


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
