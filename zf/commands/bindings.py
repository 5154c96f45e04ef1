"""bind-service, unbind-service, and keys: what leads from apps and people to service instances."""

from dataclasses import asdict

import click

from zf.client.errors import NotFoundError
from zf.command import Invocation, command
from zf.commands.common import delete, force, json_object, listed, no_wait, with_parameters, working


@command(
    "bind-service",
    "zf bind-service orders orders-db",
    'zf bind-service orders orders-db --binding-name db -c \'{"role": "reader"}\'',
)
@click.argument("app_name", metavar="APP")
@click.argument("name", metavar="INSTANCE")
@click.option("-n", "--binding-name", default="", help="What the app finds it under.")
@with_parameters
@no_wait
def bind_service(
    it: Invocation, app_name: str, name: str, binding_name: str, parameters: str | None, no_wait: bool
) -> None:
    """Give an app the credentials of a service instance; it finds them in VCAP_SERVICES after a restart."""
    given = json_object("-c", parameters)
    app, instance = it.api.app(it.space, app_name), it.services.instance(it.space, name)
    with working(it, f"Binding {name} to {app_name}"):
        is_new = it.services.bind(app, instance, binding_name, given, wait=not no_wait)
    said = "is bound" if is_new else "was bound already"
    it.console.say(f"{name} {said} to {app_name}. Apply it: zf restart {app_name}")
    it.console.result({"app": app.name, "instance": instance.name, "bound": True, "new": is_new})


@command("unbind-service", "zf unbind-service orders orders-db")
@click.argument("app_name", metavar="APP")
@click.argument("name", metavar="INSTANCE")
@no_wait
def unbind_service(it: Invocation, app_name: str, name: str, no_wait: bool) -> None:
    """Take an app's credentials of a service instance away; the broker makes them useless at once."""
    app, instance = it.api.app(it.space, app_name), it.services.instance(it.space, name)
    bindings = it.services.bindings([instance], app_guid=app.guid)
    if not bindings:
        raise NotFoundError(f"{name} is not bound to {app_name}", "See what is bound: zf services")
    with working(it, f"Unbinding {name} from {app_name}"):
        for binding in bindings:
            it.services.unbind(binding, wait=not no_wait)
    it.console.say(f"{name} is no longer bound to {app_name}. Apply it: zf restart {app_name}")
    it.console.result({"app": app.name, "instance": instance.name, "bound": False})


@command("service-keys", "zf service-keys orders-db")
@click.argument("name", metavar="INSTANCE")
def service_keys(it: Invocation, name: str) -> None:
    """List the keys of a service instance."""
    keys = it.services.bindings([it.services.instance(it.space, name)], type="key")
    it.console.result([asdict(key) for key in keys])
    rows = sorted([key.name, key.operation] for key in keys)
    listed(it, ["name", "last operation"], rows, f"There are no keys. Make one: zf create-service-key {name} KEY")


@command("service-key", "zf service-key orders-db laptop")
@click.argument("name", metavar="INSTANCE")
@click.argument("key_name", metavar="KEY")
def service_key(it: Invocation, name: str, key_name: str) -> None:
    """Show the credentials of a key."""
    import json

    key = it.services.key(it.services.instance(it.space, name), key_name)
    found = it.services.credentials(key)
    it.console.result({"name": key.name, "guid": key.guid, "credentials": found})
    it.console.say(json.dumps(found, indent=2, ensure_ascii=False))


@command(
    "create-service-key",
    "zf create-service-key orders-db laptop",
    'zf create-service-key orders-db laptop -c \'{"role": "reader"}\'',
)
@click.argument("name", metavar="INSTANCE")
@click.argument("key_name", metavar="KEY")
@with_parameters
@no_wait
def create_service_key(it: Invocation, name: str, key_name: str, parameters: str | None, no_wait: bool) -> None:
    """Make credentials of a service instance for somebody who is no app."""
    given = json_object("-c", parameters)
    instance = it.services.instance(it.space, name)
    with working(it, f"Making key {key_name}"):
        it.services.create_key(instance, key_name, given, wait=not no_wait)
    it.console.say(f"Key {key_name} of {name} is created. See it: zf service-key {name} {key_name}")
    it.console.result(asdict(it.services.key(instance, key_name)))


@command("delete-service-key", "zf delete-service-key orders-db laptop -f")
@click.argument("name", metavar="INSTANCE")
@click.argument("key_name", metavar="KEY")
@force
@no_wait
def delete_service_key(it: Invocation, name: str, key_name: str, force: bool, no_wait: bool) -> None:
    """Delete a key; the broker makes its credentials useless."""
    instance = it.services.instance(it.space, name)
    delete(
        it,
        "Service key",
        key_name,
        force,
        lambda: it.services.key(instance, key_name),
        lambda key: it.services.unbind(key, wait=not no_wait),
    )
