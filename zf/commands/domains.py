"""Domains: what hosts of routes end in."""

from dataclasses import asdict

import click

from zf.client.errors import missing
from zf.client.models import Domain
from zf.command import Invocation, command
from zf.commands.common import delete, force, listed


@command("domains", "zf domains")
def domains(it: Invocation) -> None:
    """List the domains that the org can use."""
    found = it.api.domains(it.org)
    it.console.result([asdict(one) for one in found])
    rows = sorted([one.name, _kind(it, one)] for one in found)
    listed(it, ["name", "whose"], rows, "There are no domains. An operator makes one: zf create-shared-domain DOMAIN")


@command("create-private-domain", "zf create-private-domain lab shop.example.com")
@click.argument("org")
@click.argument("domain")
def create_private_domain(it: Invocation, org: str, domain: str) -> None:
    """Make a domain that only one org can use."""
    _created(it, it.api.create_domain(domain, it.api.org(org)), f"of org {org}")


@command("create-shared-domain", "zf create-shared-domain apps.example.com")
@click.argument("domain")
@click.option("--internal", is_flag=True, help="Reached by other apps only.")
def create_shared_domain(it: Invocation, domain: str, internal: bool) -> None:
    """Make a domain that every org can use."""
    _created(it, it.api.create_domain(domain, None, internal), "of everybody")


@command("delete-domain", "zf delete-domain shop.example.com", "zf delete-domain shop.example.com -f")
@click.argument("domain")
@force
def delete_domain(it: Invocation, domain: str, force: bool) -> None:
    """Delete a domain with all of its routes."""

    def find() -> Domain:
        there = it.api.domains(it.org)
        for one in there:
            if one.name == domain.lower():
                return one
        raise missing("Domain", domain, (one.name for one in there), "zf domains")

    delete(it, "Domain", domain, force, find, it.api.delete_domain)


def _created(it: Invocation, made: Domain, whose: str) -> None:
    it.console.say(f"Domain {made.name} {whose} is created. Use it: zf map-route APP HOST.{made.name}")
    it.console.result(asdict(made))


def _kind(it: Invocation, domain: Domain) -> str:
    if domain.org_guid:
        return "the org's" if domain.org_guid == it.org.guid else "shared by another org"
    return "everybody's, for apps only" if domain.internal else "everybody's"
