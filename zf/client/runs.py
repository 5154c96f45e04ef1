"""What is done to an app over time: tasks, deployments and revisions."""

from dataclasses import dataclass
from typing import Any

from zf.client.errors import NotFoundError
from zf.client.http import Json
from zf.client.models import App
from zf.client.part import Part, to


@dataclass(frozen=True, slots=True)
class Task:
    """id: counts from 1 in each app. state: PENDING, RUNNING, CANCELING, SUCCEEDED, FAILED."""

    guid: str
    id: int
    name: str
    state: str
    command: str
    failure: str
    created_at: str

    @classmethod
    def of(cls, raw: Json) -> "Task":
        return cls(
            raw["guid"],
            int(raw["sequence_id"]),
            raw["name"],
            raw["state"],
            raw.get("command") or "",
            (raw.get("result") or {}).get("failure_reason") or "",
            raw["created_at"],
        )


@dataclass(frozen=True, slots=True)
class Deployment:
    """value: ACTIVE, FINALIZED. reason: DEPLOYING, PAUSED, CANCELING, DEPLOYED, CANCELED, SUPERSEDED.

    process_guid: of the new version; empty when there was none to be made. step, steps: of a canary, else 0.
    revision: the version that it brought or brings; 0 without revisions.
    """

    guid: str
    value: str
    reason: str
    strategy: str
    error: str
    process_guid: str
    step: int
    steps: int
    revision: int
    created_at: str

    @classmethod
    def of(cls, raw: Json) -> "Deployment":
        status, new = raw["status"], raw.get("new_processes") or []
        steps = (status.get("canary") or {}).get("steps") or {}
        return cls(
            raw["guid"],
            status["value"],
            status["reason"],
            raw.get("strategy") or "rolling",
            (status.get("details") or {}).get("error") or "",
            new[0]["guid"] if new else "",
            int(steps.get("current") or 0),
            int(steps.get("total") or 0),
            int((raw.get("revision") or {}).get("version") or 0),
            raw.get("created_at") or "",
        )


@dataclass(frozen=True, slots=True)
class Revision:
    guid: str
    version: int
    description: str
    deployable: bool
    created_at: str

    @classmethod
    def of(cls, raw: Json) -> "Revision":
        version, created = int(raw["version"]), raw.get("created_at") or ""
        return cls(raw["guid"], version, raw.get("description") or "", bool(raw.get("deployable")), created)


class Runs(Part):
    # Tasks

    def tasks(self, app: App, **filters: Any) -> list[Task]:
        """The newest first."""
        return self._list(Task.of, f"/v3/apps/{app.guid}/tasks", order_by="-created_at", **filters)

    def task(self, guid: str) -> Task:
        return self._read(Task.of, self.http.json("GET", f"/v3/tasks/{guid}"))

    def task_by_id(self, app: App, id_: int) -> Task:
        found = self.tasks(app, sequence_ids=id_)
        if not found:
            raise NotFoundError(f"{app.name} has no task {id_}", f"List its tasks: zf tasks {app.name}")
        return found[0]

    def run_task(self, app: App, wanted: Json) -> Task:
        return self._read(Task.of, self.http.json("POST", f"/v3/apps/{app.guid}/tasks", json=wanted))

    def cancel_task(self, task: Task) -> Task:
        path = f"/v3/tasks/{task.guid}/actions/cancel"
        return self._read(Task.of, self.http.json("POST", path, safe=True))

    # Deployments

    def deploy(self, app: App, wanted: Json) -> Deployment:
        """wanted: any of droplet, revision, strategy, options; the app's own droplet without one."""
        body = {**wanted, "relationships": {"app": to(app.guid)}}
        return self._read(Deployment.of, self.http.json("POST", "/v3/deployments", json=body))

    def deployment(self, guid: str) -> Deployment:
        return self._read(Deployment.of, self.http.json("GET", f"/v3/deployments/{guid}"))

    def deployments(self, app: App) -> list[Deployment]:
        """The newest first; the API keeps the last hundred."""
        return self._list(Deployment.of, "/v3/deployments", app_guids=app.guid, order_by="-created_at")

    def active_deployment(self, app: App) -> Deployment | None:
        params = {"app_guids": app.guid, "status_values": "ACTIVE", "order_by": "-created_at", "per_page": 1}
        found = self.http.json("GET", "/v3/deployments", params=params).get("resources") or []
        return self._read(Deployment.of, found[0]) if found else None

    def tell_deployment(self, deployment: Deployment, action: str) -> None:
        """action: cancel, continue."""
        self.http.json("POST", f"/v3/deployments/{deployment.guid}/actions/{action}")

    # Revisions

    def revisions(self, app: App) -> list[Revision]:
        """The newest first."""
        return self._list(Revision.of, f"/v3/apps/{app.guid}/revisions", order_by="-created_at")

    def deployed_revisions(self, app: App) -> list[Revision]:
        return self._list(Revision.of, f"/v3/apps/{app.guid}/revisions/deployed")
