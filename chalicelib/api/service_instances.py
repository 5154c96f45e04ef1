"""/v3/service_instances."""

from typing import Any

from chalicelib.api import organizations, service_brokers, service_offerings, service_plans, spaces
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.included import Way, field_parameters, fields, included
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, paginated, to_one
from chalicelib.api.scoped import belonging, narrowed, scoped
from chalicelib.api.service_parts import address, an_object, last_operation, tags
from chalicelib.core.errors import BadQuery, NoParameters, NotFound
from chalicelib.core.roles import READ_SECRETS, WRITE
from chalicelib.services import access, listing, secrets
from chalicelib.services.brokering import fetching, instances, lookup
from chalicelib.services.listing import page
from chalicelib.tables.identity import Organization, Space
from chalicelib.tables.services import ServiceBroker, ServiceInstance, ServiceOffering, ServicePlan

endpoints = Endpoints(__name__)

FILTERS = ("type", "service_plan_guids", "service_plan_names")
FIELDS = {
    "space": ("guid", "name", "relationships.organization"),
    "space.organization": ("guid", "name"),
    "service_plan": ("guid", "name", "relationships.service_offering"),
    "service_plan.service_offering": (
        "guid",
        "name",
        "description",
        "documentation_url",
        "tags",
        "relationships.service_broker",
    ),
    "service_plan.service_offering.service_broker": ("guid", "name"),
}
WAYS: dict[str, Way] = {
    "space": (Space, lambda item: str(item.space_guid), spaces.render),
    "space.organization": (Organization, lambda item: str(item.org_guid), organizations.render),
    "service_plan": (ServicePlan, lambda item: item.plan_guid, service_plans.render),
    "service_plan.service_offering": (
        ServiceOffering,
        lambda item: str(item.offering_guid),
        service_offerings.render,
    ),
    "service_plan.service_offering.service_broker": (
        ServiceBroker,
        lambda item: str(item.broker_guid),
        service_brokers.render,
    ),
}

MANAGED, USER_PROVIDED = "managed", "user-provided"


def render(request: Request, instance: ServiceInstance) -> dict[str, Any]:
    document = common(request, instance)
    base, own = request.base, document["links"]["self"]["href"]
    document["links"] |= {
        "space": {"href": f"{base}/v3/spaces/{instance.space_guid}"},
        "service_credential_bindings": {
            "href": f"{base}/v3/service_credential_bindings?service_instance_guids={instance.guid}"
        },
        "service_route_bindings": {"href": f"{base}/v3/service_route_bindings?service_instance_guids={instance.guid}"},
    }
    document |= {
        "name": instance.name,
        "tags": list(instance.tags or ()),
        "last_operation": last_operation(instance),
        "type": instance.type,
        "relationships": {"space": to_one(str(instance.space_guid))},
    }
    if not instance.is_managed:
        document["links"]["credentials"] = {"href": f"{own}/credentials"}
        return document | {
            "syslog_drain_url": instance.syslog_drain_url,
            "route_service_url": instance.route_service_url,
        }
    document["links"] |= {
        "service_plan": {"href": f"{base}/v3/service_plans/{instance.plan_guid}"},
        "parameters": {"href": f"{own}/parameters"},
        "shared_spaces": {"href": f"{own}/relationships/shared_spaces"},
    }
    document["relationships"]["service_plan"] = to_one(instance.plan_guid)
    return document | {
        "maintenance_info": instance.maintenance_info or {},
        "upgrade_available": False,
        "dashboard_url": instance.dashboard_url,
    }


def _upgrades(found: list[Any], documents: list[dict[str, Any]]) -> None:
    """Say of each managed instance whether its plan has another version by now: one batch of reads."""
    plans = {
        str(plan.guid): plan for plan in listing.load(ServicePlan, sorted({i.plan_guid for i in found if i.plan_guid}))
    }
    for instance, document in zip(found, documents, strict=False):
        plan = plans.get(str(instance.plan_guid))
        if plan is not None and instance.is_managed:
            offered = (plan.catalog.get("maintenance_info") or {}).get("version")
            document["upgrade_available"] = bool(offered) and offered != (instance.maintenance_info or {}).get(
                "version"
            )


@endpoints("GET", "/v3/service_instances")
def index(request: Request) -> Answer:
    what = scoped(request, ServiceInstance.KIND, *FILTERS, *field_parameters(FIELDS))
    kind = request.query.get("type")
    if kind not in (None, MANAGED, USER_PROVIDED):
        raise BadQuery(f"Type must be one of '{MANAGED}', '{USER_PROVIDED}'")
    what = narrowed(request, what, type="type", service_plan_guids="plan_guid")
    what = belonging(request, what, service_plan_names=(ServicePlan, "plan_guid"))
    found = page(ServiceInstance, what)
    wanted = fields(request, FIELDS)
    answer = paginated(request, found, render, included(request, found.items, WAYS, wanted) if wanted else None)
    _upgrades(found.items, answer.body["resources"])
    return answer


@endpoints("POST", "/v3/service_instances")
def create(request: Request) -> Answer:
    actor = request.actor
    body = Body(request.json())
    kind = body.choice("type", (MANAGED, USER_PROVIDED))
    if kind is None and not body.errors:
        body.wrong(f"Type must be one of '{MANAGED}', '{USER_PROVIDED}'")
    is_managed = kind == MANAGED
    instance = ServiceInstance(
        name=body.name(),
        type=kind,
        space_guid=body.relationship("space") or "",
        tags=tags(body) or [],
    )
    plan = body.relationship("service_plan") if is_managed else None
    given = an_object(body, "parameters" if is_managed else "credentials")
    if not is_managed:
        _addresses(body, instance)
    body.metadata(instance)
    body.done()
    if is_managed:
        job = instances.create_managed(request.world, actor, instance, plan or "", given, request.trace)
        return accepted(request, job)
    instances.create_user_provided(request.world, actor, instance, given or {}, request.trace)
    return Answer(render(request, instance), 201)


def _addresses(body: Body, instance: ServiceInstance) -> None:
    if body.has("syslog_drain_url"):
        schemes = ("syslog", "syslog-tls", "https", "https-batch")
        instance.syslog_drain_url = address(body, "syslog_drain_url", *schemes) or None
    if body.has("route_service_url"):
        instance.route_service_url = address(body, "route_service_url", "https") or None


@endpoints("GET", "/v3/service_instances/{guid}")
def show(request: Request, guid: str) -> Answer:
    request.only(*field_parameters(FIELDS))
    instance, _ = lookup.instance_for(request.actor, guid)
    document = render(request, instance)
    _upgrades([instance], [document])
    if wanted := fields(request, FIELDS):
        document["included"] = included(request, [instance], WAYS, wanted)
    return Answer(document)


@endpoints("PATCH", "/v3/service_instances/{guid}")
def update(request: Request, guid: str) -> Answer:
    instance, space = lookup.instance_for(request.actor, guid, WRITE)
    body = Body(request.json())
    name = body.name() if body.has("name") else None
    given = tags(body)
    body.metadata(instance)
    if not instance.is_managed:
        credentials = an_object(body, "credentials")
        _addresses(body, instance)
        body.done()
        instance.tags = instance.tags if given is None else given
        changed = instances.update_user_provided(
            request.world, request.actor, instance, space, name, credentials, request.trace
        )
        return Answer(render(request, changed))
    parameters = an_object(body, "parameters")
    plan = body.relationship("service_plan") if body.has("relationships") else None
    part = body.part("maintenance_info")
    version = part.text("version", required=body.has("maintenance_info"))
    part.take("description")
    part.finish()
    body.done()
    instance.tags = instance.tags if given is None else given
    job = instances.update_managed(
        request.world,
        request.actor,
        instance,
        space,
        name,
        plan,
        parameters,
        {"version": version} if version else None,
        request.trace,
    )
    return accepted(request, job) if job else Answer(render(request, instance))


@endpoints("DELETE", "/v3/service_instances/{guid}")
def delete(request: Request, guid: str) -> Answer:
    request.only("purge")
    purge = request.query.get("purge", "false")
    if purge not in ("true", "false"):
        raise BadQuery("Purge only accepts values 'true' or 'false'")
    instance, space = lookup.instance_for(request.actor, guid, WRITE)
    if purge == "true":
        instances.purge(request.world, request.actor, instance, request.trace)
        return Answer(None, 204)
    job = instances.delete(request.world, request.actor, instance, space, request.trace)
    return accepted(request, job) if job else Answer(None, 204)


@endpoints("GET", "/v3/service_instances/{guid}/credentials")
def credentials(request: Request, guid: str) -> Answer:
    """Of a user-provided instance; a managed one has them in its bindings."""
    instance, _ = lookup.instance_for(request.actor, guid, READ_SECRETS)
    if instance.is_managed:
        raise NotFound(ServiceInstance.LABEL)
    return Answer(secrets.read(request.world, guid))


@endpoints("GET", "/v3/service_instances/{guid}/parameters")
def parameters(request: Request, guid: str) -> Answer:
    instance, _ = lookup.instance_for(request.actor, guid)
    offering = listing.find(ServiceOffering, str(instance.offering_guid)) if instance.is_managed else None
    if offering is None or not offering.catalog.get("instances_retrievable"):
        raise NoParameters("service instance")
    lookup.require_idle(instance)
    return Answer(fetching.parameters(request.world, instance, request.trace))


@endpoints("GET", "/v3/service_instances/{guid}/permissions")
def permissions(request: Request, guid: str) -> Answer:
    """For dashboards: whoever may not see it at all is told so, too."""
    instance = listing.get(ServiceInstance, guid)
    space = listing.get(Space, str(instance.space_guid), ServiceInstance.LABEL)
    reads = request.actor.may_in_space("read", str(space.guid), str(space.org_guid))
    manages = reads and access.may_read_secrets(request.actor, space)
    return Answer({"read": reads, "manage": manages})
