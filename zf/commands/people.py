"""Users, and their roles in orgs and spaces."""

from collections import defaultdict

import click

from zf.client.errors import NotFoundError, UsageError, ZfError
from zf.command import Invocation, command
from zf.commands.common import delete, force, listed, secret

#: As people say them -> as the API does. What cf takes.
ORG_ROLES = {
    "OrgManager": "organization_manager",
    "OrgAuditor": "organization_auditor",
    "BillingManager": "organization_billing_manager",
    "OrgUser": "organization_user",
}
SPACE_ROLES = {
    "SpaceManager": "space_manager",
    "SpaceDeveloper": "space_developer",
    "SpaceAuditor": "space_auditor",
    "SpaceSupporter": "space_supporter",
}
SPOKEN = {type_: name for name, type_ in (ORG_ROLES | SPACE_ROLES).items()}


@command("create-user", "zf create-user ada", "ZF_NEW_PASSWORD=... zf create-user ada")
@click.argument("username")
@click.argument("typed", metavar="[PASSWORD]", required=False)
@click.option("-p", "--password", envvar="ZF_NEW_PASSWORD", show_envvar=True, help="Asked for if left out; better so.")
def create_user(it: Invocation, username: str, typed: str | None, password: str | None) -> None:
    """Make a user who can log in; one that is there already stays as it is."""
    people, password = it.people, typed or password
    guid = people.find(username)
    is_new = guid is None
    if is_new:
        guid = people.create_login(username, password or secret("Password", "ZF_NEW_PASSWORD", twice=True))
    people.register(str(guid))
    said = "is created" if is_new else "is there already"
    it.console.say(f"User {username} {said}. Give a role: zf set-space-role {username} ORG SPACE SpaceDeveloper")
    it.console.result({"guid": guid, "name": username, "created": is_new})


@command("delete-user", "zf delete-user ada", "zf delete-user ada -f")
@click.argument("username")
@force
def delete_user(it: Invocation, username: str, force: bool) -> None:
    """Delete a user with all roles."""

    def find() -> str:
        guid = it.people.find(username)
        if guid is None:
            raise NotFoundError(f"User '{username}' does not exist", "See who has roles: zf org-users ORG")
        return guid

    delete(it, "User", username, force, find, it.people.delete)


@command("passwd", "zf passwd", "ZF_PASSWORD=... ZF_NEW_PASSWORD=... zf passwd")
@click.option("--old", envvar="ZF_PASSWORD", show_envvar=True, help="Asked for if left out; better so.")
@click.option("--new", envvar="ZF_NEW_PASSWORD", show_envvar=True, help="Asked for if left out; better so.")
def passwd(it: Invocation, old: str | None, new: str | None) -> None:
    """Change your own password."""
    from zf.client.login import claims

    guid = str(claims(it.config.access_token).get("user_id") or "") if it.api else ""
    if not guid:
        raise ZfError("Whoever is logged in here is no user with a password", "Log in as a user: zf login")
    old = old or secret("Current password", "ZF_PASSWORD")
    new = new or secret("New password", "ZF_NEW_PASSWORD", twice=True)
    it.people.set_password(guid, old, new)
    it.console.say("The password is changed. This login goes on until you log out.")
    it.console.result({"user": it.config.user, "changed": True})


@command("org-users", "zf org-users", "zf org-users lab")
@click.argument("org", required=False)
def org_users(it: Invocation, org: str | None) -> None:
    """List who has which roles in an org; the targeted one if left out."""
    place = it.org_named(org)
    _show(it, place.name, organization_guids=place.guid)


@command("space-users", "zf space-users", "zf space-users lab dev")
@click.argument("org", required=False)
@click.argument("space", required=False)
def space_users(it: Invocation, org: str | None, space: str | None) -> None:
    """List who has which roles in a space; the targeted one if left out."""
    if org and not space:
        raise UsageError(f"Of org {org} no space is named", f"Name it: zf space-users {org} SPACE")
    place = it.api.space(it.org_named(org), space) if space else it.space
    _show(it, place.name, space_guids=place.guid)


@command("set-org-role", "zf set-org-role ada lab OrgManager")
@click.argument("username")
@click.argument("org")
@click.argument("role", metavar="ROLE", type=click.Choice([*ORG_ROLES], case_sensitive=False))
def set_org_role(it: Invocation, username: str, org: str, role: str) -> None:
    """Give a user a role in an org.

    ROLE is OrgManager, OrgAuditor, BillingManager or OrgUser.
    """
    is_new = it.people.give(username, ORG_ROLES[role], it.api.org(org), None)
    _told(it, username, role, f"org {org}", True, is_new)


@command("unset-org-role", "zf unset-org-role ada lab OrgManager")
@click.argument("username")
@click.argument("org")
@click.argument("role", metavar="ROLE", type=click.Choice([*ORG_ROLES], case_sensitive=False))
def unset_org_role(it: Invocation, username: str, org: str, role: str) -> None:
    """Take a role in an org from a user."""
    had = it.people.take(username, ORG_ROLES[role], organization_guids=it.api.org(org).guid)
    _told(it, username, role, f"org {org}", False, had)


@command("set-space-role", "zf set-space-role ada lab dev SpaceDeveloper")
@click.argument("username")
@click.argument("org")
@click.argument("space")
@click.argument("role", metavar="ROLE", type=click.Choice([*SPACE_ROLES], case_sensitive=False))
def set_space_role(it: Invocation, username: str, org: str, space: str, role: str) -> None:
    """Give a user a role in a space, and make him a user of its org.

    ROLE is SpaceManager, SpaceDeveloper, SpaceAuditor or SpaceSupporter.
    """
    place = it.api.org(org)
    is_new = it.people.give(username, SPACE_ROLES[role], place, it.api.space(place, space))
    _told(it, username, role, f"space {space}", True, is_new)


@command("unset-space-role", "zf unset-space-role ada lab dev SpaceDeveloper")
@click.argument("username")
@click.argument("org")
@click.argument("space")
@click.argument("role", metavar="ROLE", type=click.Choice([*SPACE_ROLES], case_sensitive=False))
def unset_space_role(it: Invocation, username: str, org: str, space: str, role: str) -> None:
    """Take a role in a space from a user."""
    place = it.api.space(it.api.org(org), space)
    had = it.people.take(username, SPACE_ROLES[role], space_guids=place.guid)
    _told(it, username, role, f"space {space}", False, had)


def _show(it: Invocation, place: str, **where: str) -> None:
    roles = defaultdict(list)
    for username, role in it.people.roles(**where):
        roles[username].append(SPOKEN.get(role.type, role.type))
    it.console.result([{"name": name, "roles": held} for name, held in roles.items()])
    rows = [[name, ", ".join(held)] for name, held in roles.items()]
    listed(it, ["name", "roles"], rows, f"Nobody has a role in {place}.")


def _told(it: Invocation, username: str, role: str, place: str, has: bool, changed: bool) -> None:
    said = {
        (True, True): "has role",
        (True, False): "had already role",
        (False, True): "no longer has role",
        (False, False): "did not have role",
    }[has, changed]
    it.console.say(f"{username} {said} {role} in {place}.")
    it.console.result({"user": username, "role": role, "place": place, "has": has, "changed": changed})
