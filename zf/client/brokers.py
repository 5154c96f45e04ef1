"""Service brokers, and who sees the plans that they offer."""

from dataclasses import dataclass

from zf.client.config import Named
from zf.client.errors import ZfError
from zf.client.http import Json
from zf.client.pages import names
from zf.client.part import Part, to
from zf.client.services import Offering, Plan


@dataclass(frozen=True, slots=True)
class Broker:
    guid: str
    name: str
    url: str

    @classmethod
    def of(cls, raw: Json) -> "Broker":
        return cls(raw["guid"], raw["name"], raw["url"])


class Brokers(Part):
    def all(self, name: str | None = None) -> list[Broker]:
        return self._list(Broker.of, "/v3/service_brokers", order_by="name", names=name and names(name))

    def one(self, name: str) -> Broker:
        return self._one("Service broker", name, self.all, "zf service-brokers")

    def create(self, name: str, username: str, password: str, url: str, space: Named | None) -> list[str]:
        """Warnings about its catalog, which is read first."""
        body: Json = {"name": name, **self._access(username, password, url)}
        body |= {"relationships": {"space": to(space.guid)}} if space else {}
        return self._finish(self.http.send("POST", "/v3/service_brokers", json=body))

    def update(self, broker: Broker, username: str, password: str, url: str) -> list[str]:
        """As `create`; the catalog is read again."""
        path = f"/v3/service_brokers/{broker.guid}"
        return self._finish(self.http.send("PATCH", path, json=self._access(username, password, url), safe=True))

    def delete(self, broker: Broker) -> None:
        self._delete(f"/v3/service_brokers/{broker.guid}")

    def plans_of(self, offering: str, broker: str | None, plan: str | None) -> tuple[Offering, list[Plan]]:
        """An offering by name and its plans, or the one of that name."""
        by_broker = broker and names(broker)
        found = self._list(Offering.of, "/v3/service_offerings", names=names(offering), service_broker_names=by_broker)
        if len(found) > 1:
            raise ZfError(f"Several brokers offer {offering}", "Name the broker: -b BROKER")
        if not found:
            raise ZfError(f"No broker offers '{offering}'", "See what is offered: zf marketplace --all")
        path = "/v3/service_plans"
        plans = self._list(Plan.of, path, service_offering_guids=found[0].guid, names=plan and names(plan))
        if not plans:
            raise ZfError(f"{offering} has no plan '{plan}'", "See its plans: zf marketplace --all")
        return found[0], plans

    def show_to(self, plan: Plan, org: Named | None) -> None:
        """To everybody, or to one more org."""
        path = f"/v3/service_plans/{plan.guid}/visibility"
        if org is None:
            self.http.json("PATCH", path, json={"type": "public"}, safe=True)
        else:
            body = {"type": "organization", "organizations": [{"guid": org.guid}]}
            self.http.json("POST", path, json=body, safe=True)

    def hide_from(self, plan: Plan, org: Named | None) -> None:
        """From all but administrators, or from one org."""
        path = f"/v3/service_plans/{plan.guid}/visibility"
        if org is None:
            self.http.json("PATCH", path, json={"type": "admin"}, safe=True)
        else:
            self.http.json("DELETE", f"{path}/{org.guid}")

    @staticmethod
    def _access(username: str, password: str, url: str) -> Json:
        credentials = {"username": username, "password": password}
        return {"url": url, "authentication": {"type": "basic", "credentials": credentials}}
