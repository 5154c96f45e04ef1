"""A broker's catalog: from its JSON to offerings and plans, or to everything that is wrong with it. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chalicelib.contracts.frozen import frozen
from chalicelib.core import parameter_schemas
from chalicelib.core.errors import BrokerError

#: What one broker may offer. A plan's or an offering's row must fit in one DynamoDB item (400 KB).
MAX_OFFERINGS = 200
MAX_PLANS = 1000
MAX_DETAILS_BYTES = 200_000
#: Of names, ids and descriptions, characters.
MAX_TEXT = 10_000
MAX_NAME = 255

#: What an offering may require; nothing else is known.
REQUIREMENTS = ("syslog_drain", "route_forwarding", "volume_mount")


@frozen
class Plan:
    """unique_id: the broker's own. details: what is kept besides, at its full shape."""

    unique_id: str
    name: str
    free: bool
    details: dict[str, Any]


@frozen
class Offering:
    unique_id: str
    name: str
    details: dict[str, Any]
    plans: tuple[Plan, ...]


def parse(body: Mapping[str, Any] | None) -> list[Offering]:
    """Raises BrokerError with all that is wrong, a line each, indented below what it is of."""
    services = (body or {}).get("services")
    if not isinstance(services, list) or not all(isinstance(item, dict) for item in services):
        raise invalid(["Service offerings must be a list of objects"])
    if len(services) > MAX_OFFERINGS:
        raise invalid([f"A broker can have at most {MAX_OFFERINGS} service offerings"])
    lines = [*_repeated(services, "id", "Service ids must be unique"), *_names(services)]
    every_plan = [plan for service in services for plan in _plans(service)]
    lines += _repeated(every_plan, "id", "Plan ids must be unique")
    if len(every_plan) > MAX_PLANS:
        lines.append(f"A broker can have at most {MAX_PLANS} plans")
    for service in services:
        lines += _wrong_offering(service)
    if lines:
        raise invalid(lines)
    return [_offering(service) for service in services]


def invalid(lines: Iterable[str]) -> BrokerError:
    text = "\n".join(lines)[:5000]
    return BrokerError(f"Service broker catalog is invalid: \n{text}", "ServiceBrokerCatalogInvalid", 270012)


def _names(services: list[dict[str, Any]]) -> list[str]:
    return _repeated(services, "name", "Service names must be unique within a broker")


def _repeated(items: Iterable[Mapping[str, Any]], key: str, text: str) -> list[str]:
    counts = Counter(item[key] for item in items if isinstance(item.get(key), str))
    return [f"{text}: {value[:MAX_NAME]}" for value, count in counts.items() if count > 1]


def _plans(service: Mapping[str, Any]) -> list[dict[str, Any]]:
    plans = service.get("plans")
    return [plan for plan in plans if isinstance(plan, dict)] if isinstance(plans, list) else []


def _wrong_offering(service: dict[str, Any]) -> list[str]:
    problems = [*_texts("Service", service)]
    problems += _typed("Service", service, ("bindable", *OFFERING_FLAGS), bool, "a boolean")
    if service.get("bindable") is None:
        problems.append('Service "bindable" field must be a boolean, but has value nil')
    for name in ("tags", "requires"):
        value = service.get(name)
        if value is not None and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            problems.append(f"Service {name} must be a list of strings")
        elif name == "requires" and value and (unknown := sorted(set(value) - set(REQUIREMENTS))):
            problems.append(f"Service requires must be one of {', '.join(REQUIREMENTS)}: {unknown[0][:MAX_NAME]}")
        elif name == "tags" and value and sum(len(tag) for tag in value) > 2048:
            problems.append("Service tags must be at most 2048 characters together")
    problems += _typed("Service", service, ("metadata", "dashboard_client"), dict, "an object")
    plans = service.get("plans")
    if not isinstance(plans, list) or not all(isinstance(plan, dict) for plan in plans):
        problems.append("Service plans must be a list of objects")
    elif not plans:
        problems.append("At least one plan is required")
    lines = [f"  {problem}" for problem in problems]
    lines += [f"  {problem}" for problem in _repeated(_plans(service), "name", "Plan names must be unique")]
    for plan in _plans(service):
        wrong = [*_wrong_plan(plan)]
        if wrong:
            lines += [f"  Plan {_title(plan)}", *(f"    {problem}" for problem in wrong)]
    return [f"Service {_title(service)}", *lines] if lines else []


OFFERING_FLAGS = ("plan_updateable", "instances_retrievable", "bindings_retrievable", "allow_context_updates")


def _wrong_plan(plan: dict[str, Any]) -> Iterator[str]:
    yield from _texts("Plan", plan)
    yield from _typed("Plan", plan, ("free", "bindable", "plan_updateable"), bool, "a boolean")
    yield from _typed("Plan", plan, ("metadata", "schemas", "maintenance_info"), dict, "an object")
    duration = plan.get("maximum_polling_duration")
    if duration is not None and (not isinstance(duration, int) or isinstance(duration, bool) or duration < 0):
        yield "Plan maximum_polling_duration must be a whole number of seconds"
    information = plan.get("maintenance_info")
    if isinstance(information, dict) and not isinstance(information.get("version"), str):
        yield "Plan maintenance_info.version must be a string"
    schemas = plan.get("schemas")
    if isinstance(schemas, dict) and (problems := list(parameter_schemas.wrong(schemas))):
        yield "Schemas"
        yield from (f"  {problem}" for problem in problems)


def _texts(what: str, item: Mapping[str, Any]) -> Iterator[str]:
    for name, limit in (("id", MAX_NAME), ("name", MAX_NAME), ("description", MAX_TEXT)):
        value = item.get(name)
        if not isinstance(value, str):
            yield f"{what} {name} must be a string, but has value {_shown(value)}"
        elif not value.strip():
            yield f"{what} {name} is required"
        elif len(value) > limit:
            yield f"{what} {name} must not be longer than {limit} characters"
    if len(json.dumps(_details(item))) > MAX_DETAILS_BYTES:
        yield f"{what} is larger than {MAX_DETAILS_BYTES} bytes"


def _details(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != "plans"}


def _typed(what: str, item: Mapping[str, Any], names: Iterable[str], kind: type, called: str) -> Iterator[str]:
    for name in names:
        if item.get(name) is not None and not isinstance(item[name], kind):
            yield f'{what} "{name}" field must be {called}, but has value {_shown(item[name])}'


def _shown(value: object) -> str:
    return "nil" if value is None else json.dumps(value)[:60]


def _title(item: Mapping[str, Any]) -> str:
    name = item.get("name")
    return name[:MAX_NAME] if isinstance(name, str) and name.strip() else "without a name"


def _offering(service: dict[str, Any]) -> Offering:
    details = {
        "description": service["description"],
        "bindable": service["bindable"],
        "tags": service.get("tags") or [],
        "requires": service.get("requires") or [],
        "metadata": service.get("metadata") or {},
    } | {flag: bool(service.get(flag)) for flag in OFFERING_FLAGS}
    plans = tuple(
        Plan(plan["id"], plan["name"], plan.get("free") is not False, _plan_details(plan)) for plan in service["plans"]
    )
    return Offering(service["id"], service["name"], details, plans)


def _plan_details(plan: dict[str, Any]) -> dict[str, Any]:
    schemas = plan.get("schemas") or {}
    return {
        "description": plan["description"],
        "metadata": plan.get("metadata") or {},
        "bindable": plan.get("bindable"),
        "plan_updateable": plan.get("plan_updateable"),
        "maximum_polling_duration": plan.get("maximum_polling_duration"),
        "maintenance_info": plan.get("maintenance_info") or {},
        "schemas": {
            "service_instance": {
                "create": _schema(schemas, "service_instance", "create"),
                "update": _schema(schemas, "service_instance", "update"),
            },
            "service_binding": {"create": _schema(schemas, "service_binding", "create")},
        },
    }


def _schema(schemas: Mapping[str, Any], of: str, when: str) -> dict[str, Any]:
    """``{"parameters": {...}}``; anything else counts as no schema."""
    inner = schemas.get(of)
    at = inner.get(when) if isinstance(inner, dict) else None
    parameters = at.get("parameters") if isinstance(at, dict) else None
    return {"parameters": parameters if isinstance(parameters, dict) else {}}
