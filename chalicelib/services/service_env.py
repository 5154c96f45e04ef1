"""VCAP_SERVICES: what an app is bound to, with credentials."""

from typing import Any

from chalicelib.bootstrap import World
from chalicelib.services import listing
from chalicelib.tables.identity import Secret
from chalicelib.tables.services import ServiceBinding, ServiceInstance, ServiceOffering, ServicePlan

USER_PROVIDED = "user-provided"


def vcap_services(world: World, app_guid: str) -> dict[str, list[dict[str, Any]]]:
    """Offering's name (or ``user-provided``) -> its bindings, by instance name. Five reads, however many there are."""
    rows = listing.all_of(ServiceBinding, f"app/{app_guid}/service_credential_bindings")
    found = [row for row in rows if row.is_there and not _is_going(row)]
    instances = {str(row.guid): row for row in _load(ServiceInstance, (row.instance_guid for row in found))}
    managed = [row for row in instances.values() if row.is_managed]
    plans = {str(row.guid): row for row in _load(ServicePlan, (row.plan_guid for row in managed))}
    offerings = {str(row.guid): row for row in _load(ServiceOffering, (row.offering_guid for row in managed))}
    sealed = _unsealed(world, [str(row.guid if row.broker_guid else row.instance_guid) for row in found])
    result: dict[str, list[dict[str, Any]]] = {}
    for binding in found:
        instance = instances.get(str(binding.instance_guid))
        if instance is None:
            continue
        plan, offering = plans.get(str(instance.plan_guid)), offerings.get(str(instance.offering_guid))
        label = str(offering.name) if offering else USER_PROVIDED
        secret = sealed.get(str(binding.guid if binding.broker_guid else binding.instance_guid), {})
        entry = _entry(binding, instance, secret, label)
        if offering:
            entry |= {"plan": str(plan.name) if plan else None, "provider": None}
            entry["tags"] = list(dict.fromkeys([*offering.catalog.get("tags", ()), *instance.tags]))
        result.setdefault(label, []).append(entry)
    return {label: sorted(entries, key=lambda entry: str(entry["instance_name"])) for label, entries in result.items()}


def _is_going(binding: ServiceBinding) -> bool:
    return binding.last_operation.get("type") == "delete" and binding.is_busy


def _load(model: type[Any], guids: Any) -> list[Any]:
    return listing.load(model, list(dict.fromkeys(str(guid) for guid in guids if guid)))


def _unsealed(world: World, guids: list[str]) -> dict[str, Any]:
    wanted = list(dict.fromkeys(guids))
    rows = [
        row
        for start in range(0, len(wanted), listing.BATCH)
        for row in Secret.batch_get(wanted[start : start + listing.BATCH], consistent_read=True)
    ]
    return {str(row.guid): world.keys.unseal(bytes(row.sealed)) for row in rows}


def _entry(binding: ServiceBinding, instance: ServiceInstance, secret: dict[str, Any], label: str) -> dict[str, Any]:
    """Of a managed binding the secret has credentials, drain and mounts; of a user-provided instance credentials."""
    kept = secret if binding.broker_guid else {"credentials": secret, "syslog_drain_url": instance.syslog_drain_url}
    return {
        "label": label,
        "name": binding.name or instance.name,
        "instance_guid": instance.guid,
        "instance_name": instance.name,
        "binding_guid": binding.guid,
        "binding_name": binding.name,
        "credentials": kept.get("credentials") or {},
        "syslog_drain_url": kept.get("syslog_drain_url"),
        "volume_mounts": kept.get("volume_mounts") or [],
        "tags": list(instance.tags),
    }
