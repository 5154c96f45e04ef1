"""Users: the UAA's side (who can log in) and the CloudController's (who can have roles), in one row.

As in Cloud Foundry the two are made and removed apart: ``cf create-user`` asks the UAA first and then the CC.
"""

from collections.abc import Collection

from chalicelib.adapters.clock import new_guid, now, stamp
from chalicelib.bootstrap import World
from chalicelib.core.errors import NotFound, PaasError, Unprocessable
from chalicelib.core.roles import Actor
from chalicelib.services import jobs, listing, passwords, roles
from chalicelib.tables.base import memberships
from chalicelib.tables.identity import Role, User
from chalicelib.tables.ledger import Job

ORIGIN = "uaa"

#: What every user's tokens may say, as in Cloud Foundry's UAA.
USER_SCOPES = (
    "cloud_controller.read",
    "cloud_controller.write",
    "cloud_controller_service_permissions.read",
    "openid",
    "password.write",
    "uaa.user",
)
ADMIN_SCOPES = (*USER_SCOPES, "cloud_controller.admin", "clients.read", "clients.write", "scim.read", "scim.write")


def by_username(username: str) -> User | None:
    """Compared without case."""
    guid = listing.by_name("users", username)
    return listing.find(User, guid) if guid else None


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
) -> User:
    """Raises ``taken`` for a name that somebody has. ``in_cc``: known to the CloudController at once."""
    user = User(new_guid(), username=username, scopes=sorted(scopes), in_cc=in_cc)
    if password is not None:
        user.password_hash, user.password_at = passwords.hashed(password), now()
    unit = world.unit(trace)
    if in_cc:
        unit.create(user)
    else:
        user.created_at = stamp()
        unit.put(user, User.guid.does_not_exist())
    unit.claim("users", username, str(user.guid), taken)
    unit.commit()
    return user


def register(world: World, guid: str, draft: User, trace: str = "") -> User:
    """Make the CC know a user of the UAA, or somebody of whom nothing but a guid is known. Raises Unprocessable.

    ``draft``: has the metadata.
    """
    user = listing.find(User, guid)
    unit = world.unit(trace)
    if user is None:
        user = User(guid, username="", origin="", labels=draft.labels, annotations=draft.annotations)
        unit.create(user)
    elif user.in_cc:
        raise Unprocessable(f"User with guid '{guid}' already exists.")
    else:
        user.in_cc, user.labels, user.annotations = True, draft.labels, draft.annotations
        unit.put(user)
        for member in memberships(user):
            unit.put(member)
    unit.commit()
    return user


def update(world: World, user: User, trace: str = "") -> User:
    """Save the metadata that the caller merged into ``user``."""
    unit = world.unit(trace)
    unit.put(user)
    unit.commit()
    return user


def set_password(world: World, user: User, password: str) -> None:
    """Refresh tokens that were given before are void from now on."""
    user.password_hash, user.password_at = passwords.hashed(password), now()
    user.failures = user.locked_until = 0
    unit = world.unit()
    unit.put(user)
    unit.commit()


def deregister(world: World, user: User, trace: str = "") -> Job:
    """The CC's side of the end: his roles go; whom the UAA knows can still log in."""
    roles.remove_all(world, f"user/{user.guid}")
    unit = world.unit(trace)
    if user.username:
        user.in_cc = False
        unit.put(user)
        for member in memberships(user):
            unit.delete(member)
    else:
        unit.remove(user)
    job = jobs.done(unit, "user.delete")
    unit.commit()
    return job


def delete_login(world: World, user: User) -> None:
    """The UAA's side of the end."""
    roles.remove_all(world, f"user/{user.guid}")
    unit = world.unit()
    unit.delete(user)
    if user.in_cc:
        for member in memberships(user):
            unit.delete(member)
    unit.release("users", str(user.username))
    unit.commit()


def visible_to(actor: Actor) -> frozenset[str] | None:
    """Guids of the users whom the actor may see: himself and those of his organizations. None: everybody."""
    if actor.sees_all:
        return None
    guids = {actor.guid}
    for org_guid in actor.orgs:
        guids.update(str(role.user_guid) for role in listing.all_of(Role, f"org/{org_guid}/roles"))
    return frozenset(guids)


def find_visible(actor: Actor, guid: str) -> User:
    """Raises NotFound("User")."""
    user = listing.find(User, guid)
    visible = visible_to(actor)
    if user is None or not user.in_cc or (visible is not None and guid not in visible):
        raise NotFound("User")
    return user
