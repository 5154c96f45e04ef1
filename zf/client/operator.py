"""What operators look after: buildpacks, feature flags, quotas."""

from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import quote

from zf.client.config import Named
from zf.client.errors import NotFoundError
from zf.client.http import Json
from zf.client.lean_httpx import httpx
from zf.client.models import related
from zf.client.pages import names
from zf.client.part import Part, to

#: Writing waits for the network, reading for the platform to have stored the last piece. Seconds.
UPLOAD_TIMEOUT_S = httpx.Timeout(300, connect=6)


@dataclass(frozen=True, slots=True)
class Buildpack:
    """position: apps without a wish are offered to buildpacks in this order. filename: empty until its upload."""

    guid: str
    name: str
    position: int
    stack: str
    enabled: bool
    locked: bool
    state: str
    filename: str

    @classmethod
    def of(cls, raw: Json) -> "Buildpack":
        return cls(
            raw["guid"],
            raw["name"],
            int(raw["position"]),
            raw.get("stack") or "",
            bool(raw["enabled"]),
            bool(raw["locked"]),
            raw.get("state") or "",
            raw.get("filename") or "",
        )


@dataclass(frozen=True, slots=True)
class Flag:
    name: str
    enabled: bool

    @classmethod
    def of(cls, raw: Json) -> "Flag":
        return cls(raw["name"], bool(raw["enabled"]))


@dataclass(frozen=True, slots=True)
class Quota:
    """Limits of an org or a space: None is unlimited. org_guid: whose quota it is, for one of spaces."""

    guid: str
    name: str
    memory_in_mb: int | None
    instance_memory_in_mb: int | None
    instances: int | None
    routes: int | None
    services: int | None
    paid_services: bool
    org_guid: str

    @classmethod
    def of(cls, raw: Json) -> "Quota":
        apps, services = raw["apps"], raw["services"]
        return cls(
            raw["guid"],
            raw["name"],
            apps.get("total_memory_in_mb"),
            apps.get("per_process_memory_in_mb"),
            apps.get("total_instances"),
            raw["routes"].get("total_routes"),
            services.get("total_service_instances"),
            bool(services.get("paid_services_allowed")),
            related(raw, "organization"),
        )


class Operator(Part):
    # Buildpacks

    def buildpacks(self, name: str | None = None) -> list[Buildpack]:
        return self._list(Buildpack.of, "/v3/buildpacks", order_by="position", names=name and names(name))

    def buildpack(self, name: str) -> Buildpack:
        return self._one("Buildpack", name, self.buildpacks, "zf buildpacks")

    def create_buildpack(self, wanted: Json) -> Buildpack:
        return self._read(Buildpack.of, self.http.json("POST", "/v3/buildpacks", json=wanted))

    def update_buildpack(self, buildpack: Buildpack, changes: Json) -> Buildpack:
        path = f"/v3/buildpacks/{buildpack.guid}"
        return self._read(Buildpack.of, self.http.json("PATCH", path, json=changes, safe=True))

    def upload_buildpack(self, buildpack: Buildpack, filename: str, bits: IO[bytes]) -> None:
        """Until the platform has looked at the zip. Raises JobFailedError with what is wrong with it."""
        path = f"/v3/buildpacks/{buildpack.guid}/upload"
        files = {"bits": (filename, bits, "application/zip")}
        self._finish(self.http.send("POST", path, files=files, timeout=UPLOAD_TIMEOUT_S))

    def delete_buildpack(self, buildpack: Buildpack) -> None:
        self._delete(f"/v3/buildpacks/{buildpack.guid}")

    # Feature flags

    def flags(self) -> list[Flag]:
        return self._list(Flag.of, "/v3/feature_flags")

    def set_flag(self, name: str, enabled: bool) -> Flag:
        path = f"/v3/feature_flags/{quote(name, safe='')}"
        try:
            return self._read(Flag.of, self.http.json("PATCH", path, json={"enabled": enabled}, safe=True))
        except NotFoundError:
            return self._one("Feature flag", name, lambda _: self.flags(), "zf feature-flags")

    # Quotas. kind: organization or space

    def quotas(self, kind: str, name: str | None = None, **filters: Any) -> list[Quota]:
        return self._list(Quota.of, f"/v3/{kind}_quotas", order_by="name", names=name and names(name), **filters)

    def quota(self, kind: str, name: str, org: Named | None = None) -> Quota:
        def listing(wanted: str | None) -> list[Quota]:
            return self.quotas(kind, wanted, organization_guids=org and org.guid)

        return self._one("Quota", name, listing, "zf org-quotas" if kind == "organization" else "zf space-quotas")

    def create_quota(self, kind: str, wanted: Json, org: Named | None = None) -> Quota:
        body = wanted | ({"relationships": {"organization": to(org.guid)}} if org else {})
        return self._read(Quota.of, self.http.json("POST", f"/v3/{kind}_quotas", json=body))

    def assign_quota(self, kind: str, quota: Quota, place: Named) -> None:
        path = f"/v3/{kind}_quotas/{quota.guid}/relationships/{kind}s"
        self.http.json("POST", path, json={"data": [{"guid": place.guid}]}, safe=True)

    def withdraw_quota(self, quota: Quota, space: Named) -> None:
        self.http.json("DELETE", f"/v3/space_quotas/{quota.guid}/relationships/spaces/{space.guid}")

    def delete_quota(self, kind: str, quota: Quota) -> None:
        self._delete(f"/v3/{kind}_quotas/{quota.guid}")
