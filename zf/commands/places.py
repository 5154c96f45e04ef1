"""orgs, spaces, create-org, create-space."""

from dataclasses import asdict

import click

from zf.client.config import Named
from zf.command import Invocation, command


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
    org = it.api.org(org_name) if org_name else it.org
    there = it.api.spaces(org, name)
    space = there[0] if there else it.api.create_space(org, name)
    said = "is there already" if there else "created"
    it.console.say(f"Space {name} of org {org.name} {said}. Use it: zf target -o {org.name} -s {name}")
    it.console.result({**asdict(space), "org": asdict(org), "created": not there})


def _show(it: Invocation, places: list[Named], targeted: Named | None, nothing: str) -> None:
    it.console.result([asdict(place) | {"targeted": place == targeted} for place in places])
    if places:
        it.console.table(["name", "targeted"], [[place.name, "yes" if place == targeted else ""] for place in places])
    else:
        it.console.say(f"There are no {nothing}")
