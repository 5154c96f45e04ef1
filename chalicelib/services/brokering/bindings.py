"""Credential bindings: an app's way to a service instance, and keys, which belong to no app."""

import time
from collections.abc import Mapping
from typing import Any

from pynamodb.expressions.update import Action

from chalicelib.bootstrap import World
from chalicelib.core.errors import Conflict, NameTaken, Unprocessable
from chalicelib.core.quotas import Use
from chalicelib.core.roles import Actor
from chalicelib.services import jobs, listing, quotas, secrets
from chalicelib.services.brokering import bound, instance_calls
from chalicelib.services.brokering.lookup import require_idle
from chalicelib.tables.apps import App
from chalicelib.tables.base import Name
from chalicelib.tables.identity import Secret, Space
from chalicelib.tables.ledger import Job
from chalicelib.tables.services import ServiceBinding, ServiceInstance, ServiceOffering, ServicePlan
from chalicelib.tables.unit import Unit

ALREADY_BOUND = "The app is already bound to the service instance"
SINGLE, MULTIPLE = "single", "multiple"
#: Of one app: its environment holds them all.
MAX_PER_APP = 100


def of_instance(guid: str) -> list[ServiceBinding]:
    return listing.all_of(ServiceBinding, f"instance/{guid}/{ServiceBinding.KIND}")


def of_app(guid: str) -> list[ServiceBinding]:
    return listing.all_of(ServiceBinding, f"app/{guid}/service_credential_bindings")


def credentials(world: World, binding: ServiceBinding) -> dict[str, Any]:
    """{"credentials", "syslog_drain_url", "volume_mounts"}: of a user-provided instance what it has now."""
    if binding.broker_guid is not None:
        return {"credentials": {}, **secrets.read(world, str(binding.guid))}
    instance = listing.find(ServiceInstance, str(binding.instance_guid))
    drain = instance.syslog_drain_url if instance else None
    return {"credentials": secrets.read(world, str(binding.instance_guid)), "syslog_drain_url": drain}


def _pair(binding: ServiceBinding) -> Name:
    """Counts the bindings of one app to one instance."""
    return Name(f"instance/{binding.instance_guid}/apps", str(binding.app_guid))


def _names(binding: ServiceBinding) -> str:
    """Within which a binding's name is unique."""
    if binding.type == "key":
        return f"instance/{binding.instance_guid}/keys"
    return f"app/{binding.app_guid}/binding_names"


def _name_taken(binding: ServiceBinding) -> NameTaken:
    if binding.type == "key":
        return NameTaken(
            "The binding name is invalid. Key binding names must be unique. "
            f"The service instance already has a key binding with name '{binding.name}'."
        )
    return NameTaken(
        "The binding name is invalid. App binding names must be unique. "
        f"The app already has a binding with name '{binding.name}'."
    )


def create(
    world: World,
    actor: Actor,
    binding: ServiceBinding,
    instance: ServiceInstance,
    app: App | None,
    space: Space,
    parameters: Mapping[str, Any] | None = None,
    strategy: str = SINGLE,
    trace: str = "",
    delay_s: float = 0,
) -> Job | None:
    """``binding``: a draft with type and name. space: the app's, or the instance's for a key. None: it is made.

    Raises Unprocessable, NameTaken, OperationInProgress.
    """
    require_idle(instance)
    if not instance.is_there:
        raise Unprocessable("The service instance has not been created successfully.")
    unit = world.unit(trace)
    bound.draw_up(unit, binding, instance, space)
    binding.app_guid, binding.plan_guid = str(app.guid) if app else None, instance.plan_guid
    plan = listing.find(ServicePlan, str(instance.plan_guid)) if instance.is_managed else None
    _check_bindable(instance, plan)
    replaced: list[ServiceBinding] = []
    if app is not None:
        replaced = _bind_once(unit, binding, app, strategy)
    else:
        unit.require(Space, str(space.guid), Unprocessable("The space is gone."))
        quotas.charge(unit, str(space.org_guid), str(space.guid), Use(service_keys=1))
    _take_name(unit, binding, replaced)
    polling_s = plan.catalog.get("maximum_polling_duration") if plan else None
    return bound.create(world, unit, actor, binding, space, parameters, polling_s, delay_s)


def _check_bindable(instance: ServiceInstance, plan: ServicePlan | None) -> None:
    if plan is None:
        return
    bindable = plan.catalog.get("bindable")
    if bindable is None:
        offering = listing.find(ServiceOffering, str(instance.offering_guid))
        bindable = offering.catalog.get("bindable") if offering else False
    if not bindable:
        raise Unprocessable("Service plan does not allow bindings.")


def _take_name(unit: Unit, binding: ServiceBinding, replaced: list[ServiceBinding]) -> None:
    """Its own name, which may have been that of one that it replaces."""
    new = str(binding.name or "").lower()
    for other in replaced:
        if other.name and str(other.name).lower() != new:
            unit.release(_names(other), str(other.name))
    before = next((other for other in replaced if new and str(other.name or "").lower() == new), None)
    if before is not None:
        item = Name(_names(binding), new, guid=str(binding.guid))
        unit.put(item, Name.guid == str(before.guid), Conflict())
    elif new:
        unit.claim(_names(binding), new, str(binding.guid), _name_taken(binding))


def _bind_once(unit: Unit, binding: ServiceBinding, app: App, strategy: str) -> list[ServiceBinding]:
    """Count it as the app's binding to the instance. Returns those that could not be made and give way to it."""
    unit.require(App, str(app.guid), Unprocessable(f"The app could not be found: '{app.guid}'"))
    others = of_app(str(app.guid))
    if len(others) >= MAX_PER_APP:
        raise Unprocessable(f"An app can have at most {MAX_PER_APP} service bindings")
    failed = [other for other in others if other.instance_guid == binding.instance_guid and not other.is_there]
    free = Name.guid.does_not_exist() | (Name.uses <= 0)
    actions: list[Action] = [Name.guid.set(str(binding.guid)), Name.uses.add(1)]
    replaced = failed if strategy == SINGLE and not any(other.is_busy for other in failed) else []
    if replaced:
        for other in replaced:
            _take_away(unit, other)
        free, actions = Name.uses == len(failed), [Name.guid.set(str(binding.guid)), Name.uses.set(1)]
    unit.update(_pair(binding), actions, None if strategy == MULTIPLE else free, Unprocessable(ALREADY_BOUND))
    return replaced


def _take_away(unit: Unit, binding: ServiceBinding) -> None:
    """The row and its secret; not its name and its count."""
    unit.remove(binding)
    unit.delete(Secret(str(binding.guid)))


def _forget(unit: Unit, binding: ServiceBinding) -> None:
    _take_away(unit, binding)
    if binding.name:
        unit.release(_names(binding), str(binding.name))
    if binding.type == "app":
        unit.update(_pair(binding), [Name.uses.add(-1)])
    else:
        space_guid = str(binding.space_guid)
        quotas.charge(unit, quotas.org_of(space_guid), space_guid, -Use(service_keys=1))


def unbind_app(world: World, app_guid: str, trace: str = "") -> None:
    """All of an app that is going."""
    for binding in of_app(app_guid):
        bound.remove(world, binding, trace=trace)


def bind_app(
    world: World,
    actor: Actor,
    app: App,
    space: Space,
    instance_name: str,
    binding_name: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    trace: str = "",
) -> None:
    """For manifests: within a job, so the broker is called here. One that is slow goes on by itself.

    What is bound already, or is being bound, stays as it is. Raises Unprocessable, with what the broker said.
    """
    guid = listing.by_name(instance_calls.scope(str(space.guid)), instance_name)
    instance = listing.find(ServiceInstance, guid) if guid else None
    if instance is None:
        raise Unprocessable(f"Service instance '{instance_name}' not found")
    if any(other.instance_guid == guid and (other.is_there or other.is_busy) for other in of_app(str(app.guid))):
        return
    draft = ServiceBinding(type="app", name=binding_name)
    job = create(world, actor, draft, instance, app, space, parameters, trace=trace, delay_s=60)
    while job is not None:
        try:
            jobs.run(world, str(job.guid))
            break
        except Conflict:
            time.sleep(0.05)
    done = listing.find(Job, str(job.guid)) if job else None
    if done is not None and done.state == "FAILED":
        raise Unprocessable(*(error["detail"] for error in done.errors))


def _asked(binding: ServiceBinding) -> dict[str, Any]:
    """The app, for a binding that is not a key."""
    if not binding.app_guid:
        return {}
    app = listing.get(App, str(binding.app_guid))
    to_app = {
        "app_guid": app.guid,
        "space_guid": str(binding.space_guid),
        "app_annotations": dict(app.annotations or {}),
    }
    return {"app_guid": app.guid, "bind_resource": to_app}


def _keep(world: World, unit: Unit, binding: ServiceBinding, body: Mapping[str, Any]) -> None:
    kept = {name: body[name] for name in ("syslog_drain_url", "volume_mounts") if body.get(name)}
    secrets.write(world, unit, str(binding.guid), {"credentials": body.get("credentials") or {}, **kept})


def _between(binding: ServiceBinding, instance: ServiceInstance | None) -> str:
    return f"service binding between app and service instance {instance.name if instance else ''}"


SORT = bound.Sort(
    model=ServiceBinding,
    event=lambda binding: "service_binding" if binding.type == "app" else "service_key",
    ends=lambda binding: {"app_guid": binding.app_guid, "name": binding.name},
    ask=_asked,
    keep=_keep,
    forget=_forget,
    between=_between,
)
