"""marketplace, services and instances of them."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from zf.client.errors import NotFoundError, UsageError
from zf.command import Invocation, command
from zf.commands.common import delete, force, json_object, listed, no_wait, with_parameters, working

if TYPE_CHECKING:
    from zf.client.services import Instance


@command("marketplace", "zf marketplace", "zf marketplace -e postgres", "zf marketplace --all")
@click.option("-e", "--offering", help="Only this one.")
@click.option(
    "--all", "everything", is_flag=True, help="Also what the targeted space may not use, as far as you see it."
)
def marketplace(it: Invocation, offering: str | None, everything: bool) -> None:
    """List what the space can have instances of."""
    where = {} if everything else {"space_guids": it.space.guid}
    offerings = {one.guid: one for one in it.services.offerings(names=offering, **where)}
    rows, answer = [], []
    plans = sorted(it.services.plans(**where), key=lambda plan: (plan.offering_guid, plan.name))
    for plan in plans:
        if (of := offerings.get(plan.offering_guid)) is None:
            continue
        answer.append({"offering": of.name, **asdict(plan)})
        cost = "free" if plan.free else "paid"
        rows.append([of.name, plan.name, cost, plan.visibility, plan.description or of.description])
    if offering and not rows:
        whom = "anybody" if everything else f"space {it.space.name}"
        raise NotFoundError(f"'{offering}' is not offered to {whom}", "See what is: zf marketplace")
    it.console.result(answer)
    nothing = "Nothing is offered here. An operator can register a broker (zf create-service-broker) and show its plans"
    columns = ["offering", "plan", "cost", "visibility", "description"]
    listed(it, columns, sorted(rows), f"{nothing} (zf enable-service-access).")


@command("services", "zf services")
def services(it: Invocation) -> None:
    """List the service instances of the space and the apps bound to them."""
    found = it.services.instances(it.space)
    bindings = it.services.bindings(found, type="app")
    names = {app.guid: app.name for app in it.api.apps(it.space)} if bindings else {}
    plans = _plans(it, found)
    rows, answer = [], []
    for one in found:
        bound = sorted(names.get(to.app_guid, to.app_guid) for to in bindings if to.instance_guid == one.guid)
        offering, plan = plans.get(one.plan_guid, ("user-provided", ""))
        answer.append(asdict(one) | {"offering": offering, "plan": plan, "apps": bound})
        rows.append([one.name, offering, plan, " ".join(bound), one.operation])
    it.console.result(answer)
    nothing = "There are no service instances. See what you can have: zf marketplace"
    listed(it, ["name", "offering", "plan", "apps", "last operation"], rows, nothing)


@command("service", "zf service orders-db")
@click.argument("name", metavar="INSTANCE")
def service(it: Invocation, name: str) -> None:
    """Show a service instance, what is bound to it, and how its last operation went."""
    one = it.services.instance(it.space, name)
    bindings = it.services.bindings([one])
    names = {app.guid: app.name for app in it.api.apps(it.space)}
    offering, plan = _plans(it, [one]).get(one.plan_guid, ("user-provided", ""))
    apps = [{"app": names.get(to.app_guid, to.app_guid), **asdict(to)} for to in bindings if to.type == "app"]
    keys = [asdict(key) for key in bindings if key.type == "key"]
    it.console.result(asdict(one) | {"offering": offering, "plan": plan, "bindings": apps, "keys": keys})
    it.console.say(f"{one.name} in {it.where()}\n")
    it.console.say(f"offering   {offering}{'   plan  ' + plan if plan else ''}")
    it.console.say(f"operation  {one.operation}{': ' + one.message if one.message else ''}")
    for label, text in (("tags", ", ".join(one.tags)), ("dashboard", one.dashboard_url)):
        if text:
            it.console.say(f"{label:<9}  {text}")
    it.console.say(
        f"apps       {', '.join(str(to['app']) for to in apps) or 'none; bind one: zf bind-service APP ' + name}"
    )
    if keys:
        it.console.say(f"keys       {', '.join(str(key['name']) for key in keys)}")


@command(
    "create-service",
    "zf create-service postgres small orders-db",
    "zf create-service postgres large orders-db --no-wait",
    'zf create-service postgres small orders-db -c \'{"extensions": ["citext"]}\' -t sql,orders',
)
@click.argument("offering")
@click.argument("plan")
@click.argument("name", metavar="INSTANCE")
@click.option("-b", "--broker", help="The broker, when several offer the same.")
@with_parameters
@click.option("-t", "--tags", metavar="TAG,TAG", default="", help="Tags that bound apps see.")
@no_wait
def create_service(
    it: Invocation,
    offering: str,
    plan: str,
    name: str,
    broker: str | None,
    parameters: str | None,
    tags: str,
    no_wait: bool,
) -> None:
    """Make an instance of a service and wait until the broker has made it."""
    given = json_object("-c", parameters)
    found = it.services.plan(it.space, offering, plan, broker)
    with working(it, f"The broker makes {name}"):
        it.services.create(it.space, name, found, given, _tags(tags), wait=not no_wait)
    _told(it, name, "is created", f"Bind it: zf bind-service APP {name}")


@command(
    "create-user-provided-service",
    'zf create-user-provided-service mail -p \'{"uri": "smtp://mail.example.com"}\'',
    "zf create-user-provided-service drain -l syslog-tls://logs.example.com:6514",
)
@click.argument("name", metavar="INSTANCE")
@click.option("-p", "--credentials", metavar="JSON", help="What bound apps see: a JSON object, or a file with one.")
@click.option("-l", "--syslog-drain-url", metavar="URL", help="Where logs of bound apps go.")
@click.option("-r", "--route-service-url", metavar="URL", help="Through where requests of bound routes go.")
@click.option("-t", "--tags", metavar="TAG,TAG", default="", help="Tags that bound apps see.")
def create_user_provided_service(it: Invocation, name: str, credentials: str | None, tags: str, **urls: Any) -> None:
    """Make a service instance of what exists elsewhere already."""
    told: dict[str, Any] = {key: value for key, value in urls.items() if value}
    told |= {"credentials": json_object("-p", credentials) or {}, "tags": _tags(tags)}
    it.services.create_provided(it.space, name, told)
    _told(it, name, "is created", f"Bind it: zf bind-service APP {name}")


@command(
    "update-service",
    "zf update-service orders-db -p large",
    "zf update-service orders-db -c '{\"connections\": 50}'",
    "zf update-service orders-db -t sql,orders",
    'zf update-service mail --credentials \'{"uri": "smtp://new.example.com"}\'',
)
@click.argument("name", metavar="INSTANCE")
@click.option("-p", "--plan", help="The plan it shall have.")
@with_parameters
@click.option("-t", "--tags", metavar="TAG,TAG", help="Tags that bound apps see.")
@click.option("--credentials", metavar="JSON", help="Of one that is user-provided: what bound apps see.")
@no_wait
def update_service(
    it: Invocation,
    name: str,
    plan: str | None,
    parameters: str | None,
    tags: str | None,
    credentials: str | None,
    no_wait: bool,
) -> None:
    """Change a service instance and wait until the broker has done it."""
    from zf.client.part import to

    instance = it.services.instance(it.space, name)
    changes: dict[str, Any] = {} if tags is None else {"tags": _tags(tags)}
    for key, flag, text in (("parameters", "-c", parameters), ("credentials", "--credentials", credentials)):
        if text is not None:
            changes[key] = json_object(flag, text)
    if plan:
        offering, _ = _plans(it, [instance]).get(instance.plan_guid, ("", ""))
        wanted = it.services.plan(it.space, offering, plan, None)
        changes["relationships"] = {"service_plan": to(wanted.guid)}
    if not changes:
        raise UsageError("Nothing to change is given", "See: zf update-service --help")
    with working(it, f"Changing {name}"):
        it.services.update(instance, changes, wait=not no_wait)
    _told(it, name, "is changed", "Bound apps see it after: zf restart APP")


@command("delete-service", "zf delete-service orders-db", "zf delete-service orders-db -f --no-wait")
@click.argument("name", metavar="INSTANCE")
@force
@click.option("--purge", is_flag=True, help="Forget it without asking its broker; for brokers that are gone.")
@no_wait
def delete_service(it: Invocation, name: str, force: bool, purge: bool, no_wait: bool) -> None:
    """Delete a service instance with its bindings and keys, and wait until the broker has done it."""

    def remove(instance: "Instance") -> None:
        if purge:
            it.services.purge(instance)
        else:
            it.services.delete(instance, wait=not no_wait)

    delete(it, "Service instance", name, force, lambda: it.services.instance(it.space, name), remove)


def _plans(it: Invocation, instances: "list[Instance]") -> dict[str, tuple[str, str]]:
    """Names of offering and plan, by the plan's guid; two requests, none for what is user-provided."""
    guids = sorted({one.plan_guid for one in instances if one.plan_guid})
    if not guids:
        return {}
    plans = it.services.plans(service_instance_guids=",".join(one.guid for one in instances if one.plan_guid))
    offerings = {one.guid: one.name for one in it.services.offerings()}
    return {plan.guid: (offerings.get(plan.offering_guid, ""), plan.name) for plan in plans}


def _tags(text: str) -> list[str]:
    return [tag.strip() for tag in text.split(",") if tag.strip()]


def _told(it: Invocation, name: str, done: str, way: str) -> None:
    """How it stands with the instance now."""
    instance = it.services.instance(it.space, name)
    it.console.result(asdict(instance))
    if instance.operation.endswith("in progress"):
        it.console.say(f"The broker is at work on {name}. See how it goes: zf service {name}")
    else:
        it.console.say(f"{name} {done}. {way}")
