"""Quotas: how much an org, or a space of it, may use."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from zf.client.config import Named
from zf.command import Invocation, command
from zf.commands.common import delete, force, listed
from zf.commands.common import megabytes as to_megabytes
from zf.text import megabytes

if TYPE_CHECKING:
    from zf.client.operator import Quota

_LIMITS = (
    click.option("-m", "--memory", metavar="SIZE", help="Of all instances and tasks together, such as 10G."),
    click.option("-i", "--instance-memory", metavar="SIZE", help="Of each instance, such as 1G."),
    click.option("-a", "--instances", type=click.IntRange(min=0), help="How many instances."),
    click.option("-r", "--routes", type=click.IntRange(min=0), help="How many routes."),
    click.option("-s", "--services", type=click.IntRange(min=0), help="How many service instances."),
    click.option("--paid/--no-paid", "paid", default=True, help="Whether plans that cost may be used. [default: yes]"),
)


def _with_limits(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that `_wanted` reads; one that is left out is no limit."""
    for option in reversed(_LIMITS):
        function = option(function)
    return function


def _wanted(name: str, limits: dict[str, Any]) -> dict[str, Any]:
    """The body of a new quota."""

    def size(flag: str, key: str) -> int | None:
        text = limits[key]
        return None if text is None else to_megabytes(flag, text)

    apps = {
        "total_memory_in_mb": size("-m", "memory"),
        "per_process_memory_in_mb": size("-i", "instance_memory"),
        "total_instances": limits["instances"],
    }
    services = {"total_service_instances": limits["services"], "paid_services_allowed": limits["paid"]}
    return {"name": name, "apps": apps, "services": services, "routes": {"total_routes": limits["routes"]}}


def _show(it: Invocation, found: "list[Quota]", nothing: str) -> None:
    it.console.result([asdict(one) for one in found])

    def limit(value: int | None) -> str:
        return "unlimited" if value is None else str(value)

    def size(value: int | None) -> str:
        return "unlimited" if value is None else megabytes(value)

    rows = [
        [
            one.name,
            size(one.memory_in_mb),
            size(one.instance_memory_in_mb),
            limit(one.instances),
            limit(one.routes),
            limit(one.services),
            "yes" if one.paid_services else "no",
        ]
        for one in found
    ]
    columns = ["name", "[memory]", "[each]", "[instances]", "[routes]", "[services]", "paid plans"]
    listed(it, columns, rows, nothing)


def _created(it: Invocation, quota: "Quota", command: str) -> None:
    it.console.say(f"Quota {quota.name} is created. Give it: zf {command} {quota.name}")
    it.console.result(asdict(quota))


def _assigned(it: Invocation, kind: str, place: Named, quota: "Quota | None") -> None:
    it.console.say(f"{kind} {place.name} has {'quota ' + quota.name if quota else 'no quota'} now.")
    it.console.result({"name": place.name, "guid": place.guid, "quota": quota.name if quota else None})


@command("org-quotas", "zf org-quotas")
def org_quotas(it: Invocation) -> None:
    """List the quotas that orgs can have."""
    _show(it, it.operator.quotas("organization"), "There are no quotas. Make one: zf create-org-quota NAME -m 10G")


@command("create-org-quota", "zf create-org-quota small -m 2G -i 512M -a 20 -r 10 -s 2 --no-paid")
@click.argument("name", metavar="QUOTA")
@_with_limits
def create_org_quota(it: Invocation, name: str, **limits: Any) -> None:
    """Make a quota for orgs; a limit that is left out is none."""
    _created(it, it.operator.create_quota("organization", _wanted(name, limits)), "set-org-quota ORG")


@command("set-org-quota", "zf set-org-quota lab small")
@click.argument("org")
@click.argument("name", metavar="QUOTA")
def set_org_quota(it: Invocation, org: str, name: str) -> None:
    """Give an org a quota; what runs beyond it goes on, nothing new starts."""
    place, quota = it.api.org(org), it.operator.quota("organization", name)
    it.operator.assign_quota("organization", quota, place)
    _assigned(it, "Org", place, quota)


@command("delete-org-quota", "zf delete-org-quota small", "zf delete-org-quota small -f")
@click.argument("name", metavar="QUOTA")
@force
def delete_org_quota(it: Invocation, name: str, force: bool) -> None:
    """Delete a quota that no org has."""
    kind, operator = "organization", it.operator
    delete(it, "Quota", name, force, lambda: operator.quota(kind, name), lambda one: operator.delete_quota(kind, one))


@command("space-quotas", "zf space-quotas")
def space_quotas(it: Invocation) -> None:
    """List the quotas that spaces of the org can have."""
    found = it.operator.quotas("space", organization_guids=it.org.guid)
    _show(it, found, "There are no quotas. Make one: zf create-space-quota NAME -m 1G")


@command("create-space-quota", "zf create-space-quota tiny -m 512M -a 4")
@click.argument("name", metavar="QUOTA")
@_with_limits
def create_space_quota(it: Invocation, name: str, **limits: Any) -> None:
    """Make a quota for spaces of the org; a limit that is left out is none."""
    _created(it, it.operator.create_quota("space", _wanted(name, limits), it.org), "set-space-quota SPACE")


@command("set-space-quota", "zf set-space-quota dev tiny")
@click.argument("space")
@click.argument("name", metavar="QUOTA")
def set_space_quota(it: Invocation, space: str, name: str) -> None:
    """Give a space of the org a quota."""
    place, quota = it.api.space(it.org, space), it.operator.quota("space", name, it.org)
    it.operator.assign_quota("space", quota, place)
    _assigned(it, "Space", place, quota)


@command("unset-space-quota", "zf unset-space-quota dev tiny")
@click.argument("space")
@click.argument("name", metavar="QUOTA")
def unset_space_quota(it: Invocation, space: str, name: str) -> None:
    """Take a quota from a space of the org."""
    place, quota = it.api.space(it.org, space), it.operator.quota("space", name, it.org)
    it.operator.withdraw_quota(quota, place)
    _assigned(it, "Space", place, None)


@command("delete-space-quota", "zf delete-space-quota tiny", "zf delete-space-quota tiny -f")
@click.argument("name", metavar="QUOTA")
@force
def delete_space_quota(it: Invocation, name: str, force: bool) -> None:
    """Delete a quota of the org; spaces that have it have none then."""
    org, operator = it.org, it.operator
    delete(
        it,
        "Quota",
        name,
        force,
        lambda: operator.quota("space", name, org),
        lambda one: operator.delete_quota("space", one),
    )
