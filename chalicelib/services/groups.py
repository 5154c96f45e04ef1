"""The UAA's groups: what tokens may say, and who is in them. They are fixed; only who is in them changes."""

from chalicelib.bootstrap import World
from chalicelib.core.errors import UaaError
from chalicelib.services import listing, users
from chalicelib.tables.identity import EVERYBODYS_SCOPES, User

#: name, which is its id, too -> what it is for.
GROUPS = {
    "clients.read": "Read information about clients",
    "clients.secret": "Change the password of a client",
    "clients.write": "Create and modify clients",
    "cloud_controller.admin": "Administer the platform",
    "cloud_controller.admin_read_only": "See everything on the platform, secrets included",
    "cloud_controller.global_auditor": "See everything on the platform, secrets excepted",
    "cloud_controller.read": "See what one's roles allow",
    "cloud_controller.write": "Change what one's roles allow",
    "cloud_controller_service_permissions.read": "Be asked for by dashboards of services",
    "openid": "Show one's profile to other programs",
    "password.write": "Change one's password",
    "scim.read": "Read all users and groups",
    "scim.write": "Create, modify and delete users, and change who is in groups",
    "uaa.admin": "Act as an administrator throughout the UAA",
    "uaa.resource": "Have tokens checked",
    "uaa.user": "Act as a user",
}


def get(name: str) -> str:
    """The group's name as it is written. Raises UaaError."""
    if name not in GROUPS:
        raise UaaError(404, "scim_resource_not_found", f"Group {name[:100]} does not exist")
    return name


def members(name: str) -> list[str]:
    """Guids of who is in it; of the groups that everybody is in, none is named."""
    if name in EVERYBODYS_SCOPES:
        return []
    return [member.guid for member in listing.members([f"group/{name}/{User.KIND}"])]


def change(world: World, name: str, user: User, is_in: bool) -> None:
    """Put a user in, or take him out. Refresh tokens follow at their next use."""
    scopes = set(map(str, user.scopes))
    if is_in != (name in scopes):
        users.set_scopes(world, user, scopes | {name} if is_in else scopes - {name})
