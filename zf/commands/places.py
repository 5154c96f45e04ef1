"""Orgs and spaces; and new names for them and for apps."""

from dataclasses import asdict

import click

from zf.client.config import Named
from zf.command import Invocation, command
from zf.commands.common import delete, force


@command("orgs", "zf orgs", "zf orgs --json")
def orgs(it: Invocation) -> None:
    """List the orgs you can see."""
    _show(it, it.api.orgs(), it.config.org, "orgs; create one: zf create-org ORG")


@command("spaces", "zf spaces")
def spaces(it: Invocation) -> None:
    """List the spaces of the org."""
    _show(it, it.api.spaces(it.org), it.config.space, f"spaces in {it.org.name}; create one: zf create-space SPACE")


@command("create-org", "zf create-org lab")
@click.argument("name", metavar="ORG")
def create_org(it: Invocation, name: str) -> None:
    """Create an org; one that is there already is fine."""
    there = it.api.orgs(name)
    org = there[0] if there else it.api.create_org(name)
    it.console.say(f"Org {name} {'is there already' if there else 'created'}. Use it: zf target -o {name}")
    it.console.result({**asdict(org), "created": not there})


@command("create-space", "zf create-space test", "zf create-space test -o lab")
@click.argument("name", metavar="SPACE")
@click.option("-o", "--org", "org_name", metavar="ORG", help="The org; the targeted one if left out.")
def create_space(it: Invocation, name: str, org_name: str | None) -> None:
    """Create a space; one that is there already is fine."""
    org = it.org_named(org_name)
    there = it.api.spaces(org, name)
    space = there[0] if there else it.api.create_space(org, name)
    said = "is there already" if there else "created"
    it.console.say(f"Space {name} of org {org.name} {said}. Use it: zf target -o {org.name} -s {name}")
    it.console.result({**asdict(space), "org": asdict(org), "created": not there})


@command("delete-org", "zf delete-org lab", "zf delete-org lab -f")
@click.argument("name", metavar="ORG")
@force
def delete_org(it: Invocation, name: str, force: bool) -> None:
    """Delete an org with its spaces, apps, services and domains."""
    delete(it, "Org", name, force, lambda: it.api.org(name), it.api.delete_org)
    if it.config.org and it.config.org.name == name:
        it.update(org=None, space=None)


@command("delete-space", "zf delete-space test", "zf delete-space test -o lab -f")
@click.argument("name", metavar="SPACE")
@click.option("-o", "--org", "org_name", metavar="ORG", help="The org; the targeted one if left out.")
@force
def delete_space(it: Invocation, name: str, org_name: str | None, force: bool) -> None:
    """Delete a space with its apps, routes and services."""
    org = it.org_named(org_name)
    delete(it, "Space", name, force, lambda: it.api.space(org, name), it.api.delete_space)
    if it.config.org == org and it.config.space and it.config.space.name == name:
        it.update(space=None)


@command("rename", "zf rename hello greeter")
@click.argument("name", metavar="APP")
@click.argument("new_name", metavar="NAME")
def rename(it: Invocation, name: str, new_name: str) -> None:
    """Give an app another name; its routes stay."""
    _rename(it, "apps", it.api.app(it.space, name).guid, name, new_name)


@command("rename-org", "zf rename-org lab laboratory")
@click.argument("name", metavar="ORG")
@click.argument("new_name", metavar="NAME")
def rename_org(it: Invocation, name: str, new_name: str) -> None:
    """Give an org another name."""
    org = it.api.org(name)
    _rename(it, "organizations", org.guid, name, new_name)
    if it.config.org == org:
        it.update(org=Named(org.guid, new_name))


@command("rename-space", "zf rename-space test staging")
@click.argument("name", metavar="SPACE")
@click.argument("new_name", metavar="NAME")
def rename_space(it: Invocation, name: str, new_name: str) -> None:
    """Give a space of the org another name."""
    space = it.api.space(it.org, name)
    _rename(it, "spaces", space.guid, name, new_name)
    if it.config.space == space:
        it.update(space=Named(space.guid, new_name))


def _rename(it: Invocation, kind: str, guid: str, name: str, new_name: str) -> None:
    it.api.rename(kind, guid, new_name)
    it.console.say(f"{name} is called {new_name} now.")
    it.console.result({"guid": guid, "name": new_name, "before": name})


def _show(it: Invocation, places: list[Named], targeted: Named | None, nothing: str) -> None:
    it.console.result([asdict(place) | {"targeted": place == targeted} for place in places])
    if places:
        it.console.table(["name", "targeted"], [[place.name, "yes" if place == targeted else ""] for place in places])
    else:
        it.console.say(f"There are no {nothing}")
