"""Services: what brokers offer, instances of it, bindings and keys."""

from dataclasses import dataclass
from typing import Any

from zf.client.config import Named
from zf.client.errors import ApiError, ZfError
from zf.client.http import Json
from zf.client.models import App, related
from zf.client.pages import names
from zf.client.part import Part, to

#: A broker may take its time for a database: the API itself gives up after an hour or more, we before that. Seconds.
BROKER_GIVE_UP_S = 3600
INSTANCES = "/v3/service_instances"
BINDINGS = "/v3/service_credential_bindings"
BOUND_ALREADY = "already bound"


@dataclass(frozen=True, slots=True)
class Offering:
    guid: str
    name: str
    description: str
    broker_guid: str

    @classmethod
    def of(cls, raw: Json) -> "Offering":
        return cls(raw["guid"], raw["name"], raw.get("description") or "", related(raw, "service_broker"))


@dataclass(frozen=True, slots=True)
class Plan:
    """visibility: public, admin (nobody else), organization, space."""

    guid: str
    name: str
    description: str
    free: bool
    available: bool
    visibility: str
    offering_guid: str

    @classmethod
    def of(cls, raw: Json) -> "Plan":
        return cls(
            raw["guid"],
            raw["name"],
            raw.get("description") or "",
            bool(raw.get("free")),
            bool(raw.get("available")),
            raw.get("visibility_type") or "",
            related(raw, "service_offering"),
        )


@dataclass(frozen=True, slots=True)
class Instance:
    """type: managed or user-provided. operation: such as ``create succeeded``; message: what the broker said of it."""

    guid: str
    name: str
    type: str
    plan_guid: str
    tags: tuple[str, ...]
    dashboard_url: str
    operation: str
    message: str

    @classmethod
    def of(cls, raw: Json) -> "Instance":
        last = raw.get("last_operation") or {}
        return cls(
            raw["guid"],
            raw["name"],
            raw["type"],
            related(raw, "service_plan"),
            tuple(raw.get("tags") or ()),
            raw.get("dashboard_url") or "",
            f"{last.get('type', '')} {last.get('state', '')}".strip(),
            last.get("description") or "",
        )


@dataclass(frozen=True, slots=True)
class Binding:
    """type: app or key."""

    guid: str
    name: str
    type: str
    app_guid: str
    instance_guid: str
    operation: str

    @classmethod
    def of(cls, raw: Json) -> "Binding":
        last = raw.get("last_operation") or {}
        return cls(
            raw["guid"],
            raw.get("name") or "",
            raw["type"],
            related(raw, "app"),
            related(raw, "service_instance"),
            f"{last.get('type', '')} {last.get('state', '')}".strip(),
        )


class Services(Part):
    # What is offered

    def offerings(self, **filters: Any) -> list[Offering]:
        return self._list(Offering.of, "/v3/service_offerings", order_by="name", **filters)

    def plans(self, **filters: Any) -> list[Plan]:
        return self._list(Plan.of, "/v3/service_plans", order_by="name", **filters)

    def plan(self, space: Named, offering: str, plan: str, broker: str | None) -> Plan:
        """The only one of these names that the space may use."""
        found = self.plans(
            space_guids=space.guid,
            names=names(plan),
            service_offering_names=names(offering),
            service_broker_names=broker and names(broker),
        )
        if len(found) > 1:
            raise ZfError(f"Several brokers offer {offering} with plan {plan}", "Name the broker: -b BROKER")
        if not found:
            where = f"of {offering} is not offered to space {space.name}"
            raise ZfError(f"Plan '{plan}' {where}", "See what is: zf marketplace")
        return found[0]

    # Instances

    def instances(self, space: Named, name: str | None = None) -> list[Instance]:
        return self._list(Instance.of, INSTANCES, space_guids=space.guid, order_by="name", names=name and names(name))

    def instance(self, space: Named, name: str) -> Instance:
        return self._one("Service instance", name, lambda wanted: self.instances(space, wanted), "zf services")

    def create(self, space: Named, name: str, plan: Plan, parameters: Json | None, tags: list[str], wait: bool) -> None:
        body = {
            "type": "managed",
            "name": name,
            "tags": tags,
            "relationships": {"space": to(space.guid), "service_plan": to(plan.guid)},
        }
        body |= {"parameters": parameters} if parameters is not None else {}
        self._work("POST", INSTANCES, body, wait)

    def create_provided(self, space: Named, name: str, told: Json) -> None:
        """told: any of credentials, tags, syslog_drain_url, route_service_url."""
        body = {"type": "user-provided", "name": name, "relationships": {"space": to(space.guid)}, **told}
        self._work("POST", INSTANCES, body, True)

    def update(self, instance: Instance, changes: Json, wait: bool) -> None:
        self._work("PATCH", f"{INSTANCES}/{instance.guid}", changes, wait)

    def delete(self, instance: Instance, wait: bool) -> None:
        self._work("DELETE", f"{INSTANCES}/{instance.guid}", None, wait)

    def purge(self, instance: Instance) -> None:
        """Forget it without asking the broker."""
        self._delete(f"{INSTANCES}/{instance.guid}", purge="true")

    # Bindings and keys

    def bindings(self, instances: list[Instance], **filters: Any) -> list[Binding]:
        guids = [instance.guid for instance in instances]
        return [
            binding
            for binding in self._by("service_instance_guids", Binding.of, BINDINGS, guids)
            if all(getattr(binding, key) == value for key, value in filters.items())
        ]

    def key(self, instance: Instance, name: str) -> Binding:
        keys = self.bindings([instance], type="key")
        return self._one("Service key", name, lambda _: keys, f"zf service-keys {instance.name}")

    def bind(self, app: App, instance: Instance, name: str, parameters: Json | None, wait: bool) -> bool:
        """False when it was bound already."""
        body = self._binding("app", instance, name, parameters)
        body["relationships"]["app"] = to(app.guid)
        try:
            self._work("POST", BINDINGS, body, wait)
        except ApiError as error:
            if error.status == 422 and BOUND_ALREADY in error.message:
                return False
            raise
        return True

    def create_key(self, instance: Instance, name: str, parameters: Json | None, wait: bool) -> None:
        self._work("POST", BINDINGS, self._binding("key", instance, name, parameters), wait)

    def unbind(self, binding: Binding, wait: bool) -> None:
        self._work("DELETE", f"{BINDINGS}/{binding.guid}", None, wait)

    def credentials(self, binding: Binding) -> Json:
        return dict(self.http.json("GET", f"{BINDINGS}/{binding.guid}/details").get("credentials") or {})

    @staticmethod
    def _binding(type_: str, instance: Instance, name: str, parameters: Json | None) -> Json:
        body: Json = {"type": type_, "relationships": {"service_instance": to(instance.guid)}}
        body |= {"name": name} if name else {}
        return body | ({"parameters": parameters} if parameters is not None else {})

    def _work(self, method: str, path: str, body: Json | None, wait: bool) -> None:
        """What a broker may have to do."""
        self._finish(self.http.send(method, path, json=body), BROKER_GIVE_UP_S, wait)
