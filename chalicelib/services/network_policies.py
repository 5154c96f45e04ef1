"""Network policies: which app may connect to which, container to container.

Whoever may change both apps makes them, and who administers networks (scope ``network.admin``).
"""

from collections.abc import Iterable, Sequence
from functools import partial

from chalicelib.bootstrap import World
from chalicelib.contracts.frozen import frozen
from chalicelib.core.errors import NotAuthorized
from chalicelib.core.roles import READ, WRITE, Actor
from chalicelib.services import access, listing, steps
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Space
from chalicelib.tables.network import NetworkPolicy
from chalicelib.tables.unit import Unit

ALL = "all"
NETWORK_ADMIN = "network.admin"
#: Of one request: each costs three rows.
MAX_POLICIES = 200


@frozen
class Policy:
    """source, destination: guids of apps. start, end: ports. protocol: tcp or udp."""

    source: str
    destination: str
    protocol: str
    start: int
    end: int

    @property
    def key(self) -> str:
        return f"{self.source}#{self.destination}#{self.protocol}#{self.start}#{self.end}"

    def rows(self) -> list[NetworkPolicy]:
        """One for each question that is asked; an app's policy to itself is in its list once."""
        keys = dict.fromkeys((ALL, self.source, self.destination))
        return [
            NetworkPolicy(
                key,
                self.key,
                source=self.source,
                destination=self.destination,
                protocol=self.protocol,
                start=self.start,
                end=self.end,
            )
            for key in keys
        ]


def _of(row: NetworkPolicy) -> Policy:
    return Policy(str(row.source), str(row.destination), str(row.protocol), int(row.start), int(row.end))


def search(actor: Actor, guids: Iterable[str] | None) -> list[Policy]:
    """Those from or to these apps, or all; of what the actor may see on both ends."""
    found: dict[str, Policy] = {}
    for key in [ALL] if guids is None else filter(listing.is_possible, sorted(set(guids))):
        for row in NetworkPolicy.query(key, consistent_read=True):
            found[str(row.policy)] = _of(row)
    policies = list(found.values())
    if actor.sees_all or NETWORK_ADMIN in actor.scopes:
        return policies
    seen = _apps(actor, policies, READ)
    return [policy for policy in policies if policy.source in seen and policy.destination in seen]


def _apps(actor: Actor, policies: Sequence[Policy], permission: str) -> set[str]:
    """The apps of the policies in whose spaces the actor has a permission; for administrators all that there are."""
    guids = sorted({guid for policy in policies for guid in (policy.source, policy.destination)})
    apps = listing.load(App, guids)
    if actor.is_admin or NETWORK_ADMIN in actor.scopes:
        return {str(app.guid) for app in apps}
    orgs = {
        str(space.guid): str(space.org_guid)
        for space in listing.load(Space, sorted({str(app.space_guid) for app in apps}))
    }
    return {
        str(app.guid)
        for app in apps
        if str(app.space_guid) in orgs
        and actor.may_in_space(permission, str(app.space_guid), orgs[str(app.space_guid)])
    }


def _require(actor: Actor, policies: Sequence[Policy]) -> None:
    """Raises NotAuthorized unless the actor may change all the apps."""
    allowed = _apps(actor, policies, WRITE)
    if any(guid not in allowed for policy in policies for guid in (policy.source, policy.destination)):
        raise NotAuthorized("One or more applications cannot be found or accessed")


def add(world: World, actor: Actor, policies: Sequence[Policy], trace: str = "") -> None:
    """Those that there are already stay. Raises NotAuthorized."""
    _require(actor, policies)
    steps.commit(world, [(5, partial(_put, policy=policy)) for policy in policies], trace)


def _put(unit: Unit, policy: Policy) -> None:
    for row in policy.rows():
        unit.put(row)


def remove(world: World, actor: Actor, policies: Sequence[Policy], trace: str = "") -> None:
    """Those that there are not are gone already. Raises NotAuthorized."""
    _require(actor, policies)
    steps.commit(world, [(5, partial(_delete, policy=policy)) for policy in policies], trace)


def _delete(unit: Unit, policy: Policy) -> None:
    for row in policy.rows():
        unit.delete(row)


def remove_all(world: World, app_guid: str) -> None:
    """Of an app that goes, in both directions."""
    rows = NetworkPolicy.query(app_guid, consistent_read=True)
    steps.commit(world, [(5, partial(_delete, policy=_of(row))) for row in rows])


def require_scope(actor: Actor, writes: bool) -> None:
    """Network administrators need no other scope. Raises NotAuthorized."""
    if NETWORK_ADMIN not in actor.scopes:
        access.require_api_scope(actor, writes)
