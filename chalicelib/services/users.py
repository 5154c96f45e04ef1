"""Users: the UAA's side (who can log in) and the CloudController's (who can have roles), in one row.

As in Cloud Foundry the two are made and removed apart: ``cf create-user`` asks the UAA first and then the CC. A name
is unique within its origin. Only those of origin ``uaa`` log in here; others are known by name so that they can be
given roles.
"""

from collections.abc import Collection, Iterable
from typing import Any

from chalicelib.adapters.clock import new_guid, now, stamp
from chalicelib.bootstrap import World
from chalicelib.core.errors import NotFound, PaasError, Unprocessable
from chalicelib.core.roles import Actor
from chalicelib.services import jobs, listing, passwords, revocation, roles
from chalicelib.tables.base import Name, memberships
from chalicelib.tables.identity import EVERYBODYS_SCOPES, User
from chalicelib.tables.ledger import Job
from chalicelib.tables.unit import Unit

ORIGIN = "uaa"
#: Scope of the items that say which other origins there are.
ORIGINS = "origins"

USER_SCOPES = EVERYBODYS_SCOPES
ADMIN_SCOPES = (
    *USER_SCOPES,
    "clients.read",
    "clients.write",
    "cloud_controller.admin",
    "scim.read",
    "scim.write",
    "uaa.admin",
)


def by_username(username: str, origin: str = ORIGIN) -> User | None:
    """Compared without case."""
    guid = listing.by_name(_scope(origin), username)
    return listing.find(User, guid) if guid else None


def named(usernames: Iterable[str], origins: Iterable[str] | None = None) -> list[User]:
    """Who has one of the names, of one of the origins or of any; oldest first."""
    if origins is None:
        origins = [ORIGIN, *(str(item.name) for item in Name.query(ORIGINS, consistent_read=True))]
    names = sorted(set(usernames))
    guids = listing.by_names((_scope(origin), name) for origin in origins for name in names)
    return sorted(listing.load(User, guids), key=lambda user: str(user.created_at))


def with_login(guid: str) -> User | None:
    """A user that the UAA knows."""
    user = listing.find(User, guid)
    return user if user is not None and user.username else None


def create_user(
    world: World,
    username: str,
    password: str | None = None,
    scopes: Collection[str] = USER_SCOPES,
    in_cc: bool = True,
    taken: PaasError | None = None,
    trace: str = "",
    **more: Any,
) -> User:
    """Raises ``taken`` for a name that somebody has. ``in_cc``: known to the CloudController at once.

    ``more``: further attributes, such as origin.
    """
    user = User(new_guid(), username=username, scopes=sorted(scopes), in_cc=in_cc, **more)
    if password is not None:
        user.password_hash, user.password_at = passwords.hashed(password), now()
    user.created_at = stamp()
    unit = world.unit(trace)
    unit.put(user, User.guid.does_not_exist())
    for member in memberships(user)[0 if in_cc else 1 :]:
        unit.put(member)
    _claim(unit, user, taken)
    unit.commit()
    return user


def known(world: World, actor: Actor) -> User:
    """Who asks, as the CC knows him: from now on, when it did not."""
    user = listing.find(User, actor.guid)
    return user if user is not None and user.in_cc else register(world, actor.guid, User())


def register(world: World, guid: str, draft: User, trace: str = "") -> User:
    """Make the CC know a user of the UAA, or somebody of whom nothing but a guid is known. Raises Unprocessable.

    ``draft``: has the metadata.
    """
    return _register(
        world, guid, draft, listing.find(User, guid), f"User with guid '{guid}' already exists.", trace=trace
    )


def register_named(world: World, username: str, origin: str, draft: User, trace: str = "") -> User:
    """Make the CC know somebody who logs in elsewhere. Raises Unprocessable."""
    taken = f"User with username '{username}' and origin '{origin}' already exists."
    user = by_username(username, origin)
    if user is not None:
        return _register(world, str(user.guid), draft, user, taken, trace)
    more = {"labels": draft.labels, "annotations": draft.annotations}
    return create_user(world, username, origin=origin, taken=Unprocessable(taken), trace=trace, **more)


def _register(world: World, guid: str, draft: User, user: User | None, taken: str, trace: str) -> User:
    if user is not None and user.in_cc:
        raise Unprocessable(taken)
    unit = world.unit(trace)
    if user is None:
        user = User(guid, username="", origin="", labels=draft.labels, annotations=draft.annotations)
        unit.create(user)
    else:
        user.in_cc, user.labels, user.annotations = True, draft.labels, draft.annotations
        unit.put(user)
        unit.put(memberships(user)[0])
    unit.commit()
    return user


def update(world: World, user: User, old_name: str | None = None, taken: PaasError | None = None) -> User:
    """Save what the caller changed. ``old_name``: his name until now, when it is another. Raises ``taken``."""
    unit = world.unit()
    if old_name is not None and old_name.lower() != str(user.username).lower():
        unit.release(_scope(str(user.origin)), old_name)
        _claim(unit, user, taken)
    if old_name is not None:
        for member in memberships(user)[0 if user.in_cc else 1 :]:
            unit.put(member)
    unit.put(user)
    if not user.active:
        revocation.revoke_user(unit, str(user.guid))
    unit.commit()
    return user


def set_scopes(world: World, user: User, scopes: Collection[str]) -> None:
    """Put him into groups and take him out of others."""
    before = set(user.parents())
    user.scopes = sorted(scopes)
    after = set(user.parents())
    unit = world.unit()
    unit.put(user)
    for parent in sorted(after - before):
        unit.join(user, parent)
    for parent in sorted(before - after):
        unit.leave(user, parent)
    unit.commit()


def set_password(world: World, user: User, password: str) -> None:
    """Tokens that were given before and can be revoked are void from now on."""
    user.password_hash, user.password_at = passwords.hashed(password), now()
    user.failures = user.locked_until = 0
    unit = world.unit()
    unit.put(user)
    revocation.revoke_user(unit, str(user.guid))
    unit.commit()


def deregister(world: World, user: User, trace: str = "") -> Job:
    """The CC's side of the end: his roles go; whom the UAA knows can still log in."""
    roles.remove_all(world, f"user/{user.guid}")
    unit = world.unit(trace)
    if user.username and user.origin == ORIGIN:
        user.in_cc = False
        unit.put(user)
        unit.delete(memberships(user)[0])
    else:
        unit.remove(user)
        _release(unit, user)
    job = jobs.done(unit, "user.delete")
    unit.commit()
    return job


def delete_login(world: World, user: User) -> None:
    """The UAA's side of the end: all that he was given is void."""
    roles.remove_all(world, f"user/{user.guid}")
    unit = world.unit()
    unit.remove(user)
    _release(unit, user)
    revocation.revoke_user(unit, str(user.guid))
    unit.commit()


def visible_to(actor: Actor) -> frozenset[str] | None:
    """Guids of the users whom the actor may see: himself and those of his organizations. None: everybody."""
    if actor.sees_all:
        return None
    return frozenset({actor.guid, *roles.users_of(f"org/{guid}" for guid in sorted(actor.orgs))})


def find_visible(actor: Actor, guid: str) -> User:
    """Raises NotFound("User")."""
    user = listing.find(User, guid)
    visible = visible_to(actor)
    if user is None or not user.in_cc or (visible is not None and guid not in visible):
        raise NotFound("User")
    return user


def _scope(origin: str) -> str:
    """Within which the names of an origin's users are unique."""
    return "users" if origin == ORIGIN else f"users/{origin.lower()}"


def _claim(unit: Unit, user: User, taken: PaasError | None) -> None:
    origin = str(user.origin)
    unit.claim(_scope(origin), str(user.username), str(user.guid), taken)
    if origin != ORIGIN:
        unit.put(Name(ORIGINS, origin.lower(), guid=origin))


def _release(unit: Unit, user: User) -> None:
    if user.username:
        unit.release(_scope(str(user.origin)), str(user.username))
