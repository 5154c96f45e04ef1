"""Service brokers, and who sees what they offer."""

from dataclasses import asdict

import click

from zf.client.config import Named
from zf.client.errors import JobFailedError, UsageError
from zf.command import Invocation, command
from zf.commands.common import delete, force, listed, secret, working


@command("service-brokers", "zf service-brokers")
def service_brokers(it: Invocation) -> None:
    """List the service brokers."""
    found = it.brokers.all()
    it.console.result([asdict(broker) for broker in found])
    rows = [[broker.name, broker.url] for broker in found]
    nothing = "There are no brokers. Register one: zf create-service-broker NAME USER URL"
    listed(it, ["name", "url"], rows, nothing)


@command(
    "create-service-broker",
    "zf create-service-broker postgres platform https://postgres-broker.example.com",
    "zf create-service-broker postgres platform https://postgres-broker.example.com --space-scoped",
    "zf create-service-broker postgres platform https://postgres-broker.example.com --update",
)
@click.argument("name", metavar="BROKER")
@click.argument("username", metavar="USER")
@click.argument("where", metavar="[PASSWORD] URL", nargs=-1, required=True)
@click.option(
    "-p", "--password", envvar="ZF_BROKER_PASSWORD", show_envvar=True, help="Asked for if left out; better so."
)
@click.option("--space-scoped", is_flag=True, help="Only for the targeted space, which needs no operator.")
@click.option("--update", is_flag=True, help="Change the one of this name: its URL, credentials and catalog.")
def create_service_broker(
    it: Invocation,
    name: str,
    username: str,
    where: tuple[str, ...],
    password: str | None,
    space_scoped: bool,
    update: bool,
) -> None:
    """Register a service broker: its catalog is read, and nobody sees its plans until somebody shows them."""
    *typed, url = where
    if len(typed) > 1:
        raise UsageError("There is more than a password and a URL", "See: zf create-service-broker --help")
    password = typed[0] if typed else password
    space = it.space if space_scoped else None
    there = it.brokers.one(name) if update else None
    password = password or secret("Password of the broker", "ZF_BROKER_PASSWORD")
    with working(it, f"Reading the catalog of {name}"):
        if there:
            warnings = it.brokers.update(there, username, password, url)
        else:
            warnings = _registered(it, name, username, password, url, space)
    for warning in warnings:
        it.console.warn(f"Note: {warning}")
    way = "See its plans: zf marketplace" if space else "Show its plans: zf enable-service-access OFFERING"
    it.console.say(f"Broker {name} is {'changed' if there else 'registered'}. {way}")
    it.console.result(asdict(it.brokers.one(name)))


def _registered(it: Invocation, name: str, username: str, password: str, url: str, space: Named | None) -> list[str]:
    """A broker whose catalog cannot be read stays registered, without plans: it is updated, not created again."""
    try:
        return it.brokers.create(name, username, password, url, space)
    except JobFailedError as error:
        way = f"{name} stays without plans. Correct it and run the command again with --update"
        raise JobFailedError(error.message, way) from None


@command("delete-service-broker", "zf delete-service-broker postgres", "zf delete-service-broker postgres -f")
@click.argument("name", metavar="BROKER")
@force
def delete_service_broker(it: Invocation, name: str, force: bool) -> None:
    """Forget a broker that has no service instances."""
    delete(it, "Service broker", name, force, lambda: it.brokers.one(name), it.brokers.delete)


def _access(it: Invocation, show: bool, offering: str, broker: str | None, plan: str | None, org: str | None) -> None:
    to = it.api.org(org) if org else None
    found, plans = it.brokers.plans_of(offering, broker, plan)
    for one in plans:
        if show:
            it.brokers.show_to(one, to)
        else:
            it.brokers.hide_from(one, to)
    said = "shown to" if show else "hidden from"
    whom = f"org {to.name}" if to else "everybody" if show else "all but administrators"
    it.console.say(f"{found.name} ({', '.join(one.name for one in plans)}) is {said} {whom}.")
    answer = {"offering": found.name, "plans": [one.name for one in plans], "org": to and to.name, "shown": show}
    it.console.result(answer)


@command(
    "enable-service-access",
    "zf enable-service-access postgres",
    "zf enable-service-access postgres -p large -o lab",
)
@click.argument("offering")
@click.option("-b", "--broker", help="The broker, when several offer the same.")
@click.option("-p", "--plan", help="Only this plan.")
@click.option("-o", "--org", help="Only to this org.")
def enable_service_access(it: Invocation, offering: str, broker: str | None, plan: str | None, org: str | None) -> None:
    """Show the plans of an offering to everybody, or to an org."""
    _access(it, True, offering, broker, plan, org)


@command(
    "disable-service-access",
    "zf disable-service-access postgres",
    "zf disable-service-access postgres -p large -o lab",
)
@click.argument("offering")
@click.option("-b", "--broker", help="The broker, when several offer the same.")
@click.option("-p", "--plan", help="Only this plan.")
@click.option("-o", "--org", help="Only from this org.")
def disable_service_access(
    it: Invocation, offering: str, broker: str | None, plan: str | None, org: str | None
) -> None:
    """Hide the plans of an offering from everybody, or from an org; instances stay."""
    _access(it, False, offering, broker, plan, org)
