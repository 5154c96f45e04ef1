"""What operators ask of the platform itself: hosts, components, dead letters. Only this cloud's API has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from zf.client.http import Json
from zf.client.part import Part


@dataclass(frozen=True, slots=True)
class Host:
    """A DEA. state: UP, FULL, CORDONED, DRAINING, SILENT or LOST. problem: why it takes no work. seen_at: when it was
    last heard."""

    id: str
    state: str
    boot: str
    host: str
    stack: str
    arch: str
    memory_mb: int
    reserved_memory_mb: int
    instances: int
    builds: int
    tasks: int
    seen_at: str
    problem: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.instances or self.builds or self.tasks)


@dataclass(frozen=True, slots=True)
class Component:
    type: str
    id: str
    boot: str
    version: str
    http: str
    started_at: str
    seen_at: str


@dataclass(frozen=True, slots=True)
class Letter:
    """subject: empty for what cannot be read, which ``problem`` explains."""

    id: str
    queue: str
    died_at: str
    bytes: int
    subject: str = ""
    sender: str = ""
    sent_at: str = ""
    trace: str = ""
    is_expired: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Joined:
    """A host that was invited. state: INVITED, EXPIRED, JOINED or REVOKED. renewed_at: when it last had credentials."""

    id: str
    state: str
    invited_by: str = ""
    invited_until: str = ""
    joined_at: str | None = None
    renewed_at: str | None = None
    revoked_at: str | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    id: str
    token: str
    invited_until: str


class Hosts(Part):
    def hosts(self) -> list[Host]:
        return [self._read(lambda raw: _of(Host, raw), raw) for raw in self._resources("/admin/hosts")]

    def order(self, host: str, what: str) -> Host:
        raw = self.http.json("POST", f"/admin/hosts/{quote(host, safe='')}/actions/{what}")
        return self._read(lambda raw: _of(Host, raw), raw)

    def components(self) -> tuple[str, list[Component]]:
        """The control plane's version, and who announced themselves."""
        answer = self.http.json("GET", "/admin/components")
        found = [self._read(lambda raw: _of(Component, raw), raw) for raw in answer["resources"]]
        return str(answer["version"]), found

    def discover(self) -> None:
        self.http.send("POST", "/admin/components/actions/discover")

    def letters(self) -> list[Letter]:
        return [self._read(lambda raw: _of(Letter, raw), raw) for raw in self._resources("/admin/dead_letters")]

    def move(self, what: str, queue: str, ids: Sequence[str]) -> tuple[int, int]:
        """what: replay or drop. ids: none for all. How many were moved, and how many are left."""
        body: Json = {"queue": queue} | ({"ids": list(ids)} if ids else {})
        answer = self.http.json("POST", f"/admin/dead_letters/actions/{what}", json=body)
        return int(answer["replayed" if what == "replay" else "dropped"]), int(answer["left"])

    def invite(self, host: str, valid_s: int) -> Invitation:
        raw = self.http.json("POST", "/admin/joined_hosts", json={"name": host, "valid_s": valid_s})
        return self._read(lambda raw: _of(Invitation, raw), raw)

    def joined(self) -> list[Joined]:
        return [self._read(lambda raw: _of(Joined, raw), raw) for raw in self._resources("/admin/joined_hosts")]

    def revoke(self, host: str) -> Joined:
        raw = self.http.json("POST", f"/admin/joined_hosts/{quote(host, safe='')}/actions/revoke")
        return self._read(lambda raw: _of(Joined, raw), raw)

    def rotate_key(self) -> str:
        """The id of the new key."""
        return str(self.http.json("POST", "/admin/keys/actions/rotate")["kid"])

    def _resources(self, path: str) -> list[Json]:
        return list(self.http.json("GET", path).get("resources") or [])


def _of(cls: Any, raw: Json) -> Any:
    """Its fields; what a later platform tells beside them is left out."""
    return cls(**{name: raw[name] for name in cls.__dataclass_fields__ if name in raw})
