"""v3 resources as the commands need them. Each `of` takes the JSON of one resource; KeyError or TypeError: not v3."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from zf.client.errors import BadAnswerError

Json = dict[str, Any]
T = TypeVar("T")


def read(of: Callable[[Json], T], raw: Any, api: str) -> T:
    """`of(raw)`. Raises BadAnswerError when `raw`, an answer of `api`, is not such a resource."""
    try:
        return of(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        problem = f"{api} answered with a resource that is not v3 ({error})"
        raise BadAnswerError(problem, "Update zf, or set the right address: zf api URL") from None


def related(raw: Json, name: str) -> str:
    """The guid of a relationship to one resource; empty without it."""
    one = ((raw.get("relationships") or {}).get(name) or {}).get("data") or {}
    return str(one.get("guid") or "")


@dataclass(frozen=True, slots=True)
class App:
    """state: STARTED or STOPPED. lifecycle: buildpack or docker."""

    guid: str
    name: str
    state: str
    lifecycle: str
    buildpacks: tuple[str, ...]
    stack: str
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, raw: Json) -> "App":
        data = (raw.get("lifecycle") or {}).get("data") or {}
        return cls(
            raw["guid"],
            raw["name"],
            raw["state"],
            (raw.get("lifecycle") or {}).get("type") or "buildpack",
            tuple(data.get("buildpacks") or ()),
            data.get("stack") or "",
            raw.get("created_at") or "",
            raw.get("updated_at") or "",
        )


@dataclass(frozen=True, slots=True)
class Process:
    """timeout_s: how long an instance may take to become healthy; None for the platform's default."""

    guid: str
    type: str
    app_guid: str
    instances: int
    memory_in_mb: int
    disk_in_mb: int
    command: str | None
    timeout_s: int | None

    @classmethod
    def of(cls, raw: Json) -> "Process":
        check = (raw.get("health_check") or {}).get("data") or {}
        return cls(
            raw["guid"],
            raw["type"],
            related(raw, "app"),
            int(raw["instances"]),
            int(raw["memory_in_mb"]),
            int(raw["disk_in_mb"]),
            raw.get("command"),
            check.get("timeout"),
        )


@dataclass(frozen=True, slots=True)
class Instance:
    """One row of a process's stats. state: RUNNING, STARTING, CRASHED, DOWN. cpu: share of a core. Sizes in bytes."""

    index: int
    state: str
    uptime_s: int
    cpu: float
    mem: int
    mem_quota: int
    disk: int
    disk_quota: int
    details: str
    host: str
    port: int | None

    @classmethod
    def of(cls, raw: Json) -> "Instance":
        usage = raw.get("usage") or {}
        ports = raw.get("instance_ports") or []
        return cls(
            int(raw["index"]),
            raw["state"],
            int(raw.get("uptime") or 0),
            float(usage.get("cpu") or 0),
            int(usage.get("mem") or 0),
            int(raw.get("mem_quota") or 0),
            int(usage.get("disk") or 0),
            int(raw.get("disk_quota") or 0),
            raw.get("details") or "",
            raw.get("host") or "",
            ports[0].get("external") if ports else None,
        )


@dataclass(frozen=True, slots=True)
class Destination:
    guid: str
    app_guid: str


@dataclass(frozen=True, slots=True)
class Route:
    guid: str
    url: str
    destinations: tuple[Destination, ...]

    @classmethod
    def of(cls, raw: Json) -> "Route":
        to = (Destination(one.get("guid") or "", one["app"]["guid"]) for one in raw.get("destinations") or ())
        return cls(raw["guid"], raw["url"], tuple(to))


@dataclass(frozen=True, slots=True)
class Domain:
    """org_guid: whose it is, empty for everybody's. internal: reached by other apps only."""

    guid: str
    name: str
    org_guid: str
    internal: bool

    @classmethod
    def of(cls, raw: Json) -> "Domain":
        return cls(raw["guid"], raw["name"], related(raw, "organization"), bool(raw.get("internal")))


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A command beside the main one of each instance of these process types."""

    name: str
    command: str
    process_types: tuple[str, ...]

    @classmethod
    def of(cls, raw: Json) -> "Sidecar":
        return cls(raw["name"], raw["command"], tuple(raw["process_types"]))


@dataclass(frozen=True, slots=True)
class Package:
    """state: AWAITING_UPLOAD, PROCESSING_UPLOAD, READY, FAILED, EXPIRED."""

    guid: str
    state: str
    error: str

    @classmethod
    def of(cls, raw: Json) -> "Package":
        return cls(raw["guid"], raw["state"], (raw.get("data") or {}).get("error") or "")


@dataclass(frozen=True, slots=True)
class Build:
    """state: STAGING, STAGED, FAILED."""

    guid: str
    state: str
    error: str
    droplet_guid: str

    @classmethod
    def of(cls, raw: Json) -> "Build":
        droplet = raw.get("droplet") or {}
        return cls(raw["guid"], raw["state"], raw.get("error") or "", droplet.get("guid") or "")


@dataclass(frozen=True, slots=True)
class Event:
    type: str
    created_at: str
    actor: str
    data: Json

    @classmethod
    def of(cls, raw: Json) -> "Event":
        return cls(raw["type"], raw["created_at"], (raw.get("actor") or {}).get("name") or "", raw.get("data") or {})
