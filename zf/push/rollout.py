"""From one version to the next without a gap: a deployment, followed until it has ended or pauses as a canary does."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zf.client.errors import StartError, UsageError, WaitError
from zf.client.waiting import looks

if TYPE_CHECKING:
    from zf.client.api import Api
    from zf.client.logs import LogCache
    from zf.client.models import App
    from zf.client.runs import Deployment, Runs
    from zf.push.report import Phase

#: A version of which no instance gets healthy is taken back by the platform itself; hundreds of instances take long.
GIVE_UP_S = 3600
#: Of new instances; as people write it.
_PERCENT = re.compile(r"[1-9][0-9]?|100")


@dataclass(frozen=True, slots=True)
class Strategy:
    """name: rolling, canary. steps: shares of new instances, in percent, after which a canary pauses.

    sizes: any of web_instances, memory_in_mb, disk_in_mb, for the new version only.
    """

    name: str
    max_in_flight: int | None = None
    steps: tuple[int, ...] = ()
    sizes: tuple[tuple[str, int], ...] = ()

    def body(self, **more: Any) -> dict[str, Any]:
        """What to ask the API for. more: droplet or revision."""
        options: dict[str, Any] = dict(self.sizes)
        if self.max_in_flight:
            options["max_in_flight"] = self.max_in_flight
        if self.steps:
            options["canary"] = {"steps": [{"instance_weight": weight} for weight in self.steps]}
        return {"strategy": self.name, **more} | ({"options": options} if options else {})


def chosen(name: str | None, max_in_flight: int | None, steps: str | None) -> Strategy | None:
    """The strategy that flags name, None for a plain restart. Raises UsageError."""
    if name is None:
        if max_in_flight is not None or steps is not None:
            raise UsageError("--max-in-flight and --instance-steps belong to a strategy", "Name it: --strategy rolling")
        return None
    if steps is not None and name != "canary":
        raise UsageError("--instance-steps belongs to --strategy canary", "Name it: --strategy canary")
    weights = [part.strip() for part in steps.split(",")] if steps is not None else []
    good = all(_PERCENT.fullmatch(weight) for weight in weights)
    if not good or [*map(int, weights)] != sorted(map(int, weights)):
        wrong = f"--instance-steps is '{steps}'; it must be percentages in ascending order"
        raise UsageError(wrong, "Such as: --instance-steps 10,50")
    return Strategy(name, max_in_flight, tuple(map(int, weights)))


def follow(
    api: "Api",
    runs: "Runs",
    cache: "LogCache",
    app: "App",
    deployment: "Deployment",
    phase: "Phase",
    step: int | None = None,
) -> "Deployment":
    """The deployment when it is done, or paused. step: the one at which it paused before, if it was continued.

    Raises StartError with the reason and the app's last words when it is taken back, WaitError.
    """
    from zf.push.livelog import last_words
    from zf.text import epoch_ns

    for _ in looks(0.1, 1.4, 1.0, GIVE_UP_S):
        deployment = runs.deployment(deployment.guid)
        if deployment.value == "FINALIZED":
            break
        if deployment.reason == "PAUSED" and deployment.step != step:
            phase.label = f"Paused {app.name} at step {deployment.step} of {deployment.steps}"
            return deployment
        phase.step(f"{app.name}: {_progress(api, deployment)}")
    else:
        raise WaitError(
            f"{app.name} has not been replaced in {GIVE_UP_S // 60} minutes",
            f"See zf app {app.name}; take it back: zf cancel-deployment {app.name}",
        )
    if deployment.reason == "DEPLOYED":
        phase.label = f"Deployed {app.name}"
        return deployment
    why = f": {deployment.error.rstrip('.')}" if deployment.error else ""
    if deployment.reason == "SUPERSEDED":
        raise StartError(f"Another deployment of {app.name} has taken over{why}", f"See how it goes: zf app {app.name}")
    if not why:
        raise StartError(f"The deployment of {app.name} was cancelled", f"See who did: zf events {app.name}")
    log = last_words(cache, app.guid, epoch_ns(deployment.created_at))
    raise StartError(
        f"The new version of {app.name} was taken back{why}",
        f"The old one runs. Correct it and push again; the whole log: zf logs {app.name} --recent",
        log=log,
    )


def _progress(api: "Api", deployment: "Deployment") -> str:
    if deployment.reason == "CANCELING":
        return "going back to the old version"
    if not deployment.process_guid:
        return deployment.reason.lower()
    up = sum(one.state == "RUNNING" for one in api.stats(deployment.process_guid))
    return f"{up} new instance{'' if up == 1 else 's'} running"
