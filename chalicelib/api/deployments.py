"""/v3/deployments: a new version beside the old one, and what may be said to it on its way."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import MAX_INTEGER, Body
from chalicelib.api.processes import SCALABLE
from chalicelib.api.render import common, paginated, to_one, when
from chalicelib.api.scoped import narrowed, relabelled, scoped
from chalicelib.core.deployment import ACTIVE, CANARY, PAUSED, ROLLING
from chalicelib.core.errors import NotAuthorized, NotFound
from chalicelib.core.roles import OPERATE
from chalicelib.services import deployments, rollout_states
from chalicelib.services.listing import page
from chalicelib.services.owned import owned
from chalicelib.tables.deployments import Deployment
from chalicelib.tables.identity import Space

endpoints = Endpoints(__name__)

OPTIONS = ("canary", "max_in_flight", "web_instances", *deployments.SIZES)
#: Stages of a canary. Nobody watches more of them, and each is a share of whole instances.
MOST_STEPS = 100


def render(request: Request, deployment: Deployment) -> dict[str, Any]:
    document = common(request, deployment)
    own = f"{request.base}/v3/deployments/{deployment.guid}"
    document["links"]["app"] = {"href": f"{request.base}/v3/apps/{deployment.app_guid}"}
    if deployment.status_value == ACTIVE:
        document["links"]["cancel"] = {"href": f"{own}/actions/cancel", "method": "POST"}
    if deployment.state == PAUSED:
        document["links"]["continue"] = {"href": f"{own}/actions/continue", "method": "POST"}
    revision = deployment.revision_guid
    return document | {
        "status": _status(deployment),
        "strategy": deployment.strategy,
        "options": {"max_in_flight": int(deployment.max_in_flight), **deployment.options},
        "droplet": {"guid": deployment.droplet_guid},
        "previous_droplet": {"guid": deployment.previous_droplet_guid},
        "new_processes": deployment.new_processes,
        "revision": {"guid": revision, "version": int(deployment.revision_version)} if revision else None,
        "relationships": {"app": to_one(deployment.app_guid)},
    }


def _status(deployment: Deployment) -> dict[str, Any]:
    details: dict[str, Any] = {
        "last_successful_healthcheck": when(deployment.healthy_at),
        "last_status_change": when(deployment.status_at),
    }
    if deployment.error:
        details["error"] = deployment.error
    status = {"value": deployment.status_value, "reason": deployment.reason, "details": details}
    if deployment.strategy == CANARY:
        current, total = int(deployment.stage), rollout_states.stage_count(deployment)
        status["canary"] = {"steps": {"current": current, "total": total}}
    return status


@endpoints("POST", "/v3/deployments")
def create(request: Request) -> Answer:
    actor = request.actor
    body = Body(request.json())
    app_guid = body.relationship("app") or ""
    draft = Deployment(droplet_guid=_guid(body, "droplet"))
    revision_guid = _guid(body, "revision")
    if draft.droplet_guid and revision_guid:
        body.wrong("Droplet Cannot set both fields 'droplet' and 'revision'")
    draft.strategy = body.text("strategy") or ROLLING
    if draft.strategy not in (ROLLING, CANARY):
        body.wrong(f"Strategy '{draft.strategy}' is not a supported deployment strategy")
    _options(body, draft)
    body.metadata(draft)
    body.done()
    app, space = deployments.app_for(actor, app_guid)
    deployments.create(request.world, actor, app, space, draft, revision_guid, request.trace)
    return Answer(render(request, draft), 201)


def _guid(body: Body, name: str) -> str | None:
    """``{"guid": ...}``; None when it is not there, or null."""
    if body.data.get(name) is None:
        body.take(name)
        return None
    part = body.part(name)
    guid = part.text("guid", required=True)
    part.finish()
    return guid


def _options(body: Body, draft: Deployment) -> None:
    """Take ``options`` into the draft. All its faults are the body's."""
    given = body.take("options")
    if given is not None and not isinstance(given, dict):
        body.wrong("Options must be an object")
    options = Body(given if isinstance(given, dict) else {}, "", body.errors)
    if unknown := [str(name) for name in options.data if name not in OPTIONS]:
        body.wrong(f"Options has unsupported key(s): {', '.join(unknown)}")
    chosen: dict[str, Any] = {}
    chosen["max_in_flight"] = in_flight = options.data.get("max_in_flight")
    whole = isinstance(in_flight, int) and not isinstance(in_flight, bool) and 1 <= in_flight <= MAX_INTEGER
    if in_flight is not None and not whole:
        body.wrong("Max in flight must be an integer greater than 0")
    chosen["web_instances"] = options.integer("web_instances", *SCALABLE["instances"][1:])
    for name in deployments.SIZES:
        chosen[name] = options.integer(name, *SCALABLE[name][1:])
    if options.data.get("canary") is not None:
        chosen["canary"] = _canary(options, draft)
    draft.options = {name: value for name, value in chosen.items() if value is not None}


def _canary(options: Body, draft: Deployment) -> dict[str, Any] | None:
    """The steps, whose weights go into the draft."""
    canary = options.data["canary"]
    if not isinstance(canary, dict):
        options.wrong("Options.canary must be an object")
        return None
    if draft.strategy != CANARY:
        options.wrong("Options.canary are only valid for Canary deployments")
        return None
    steps = canary.get("steps")
    if unknown := [str(name) for name in canary if name != "steps"]:
        options.wrong(f"Options.canary has unsupported key(s): {', '.join(unknown)}")
    if steps is None:
        return None
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        options.wrong("Options.canary.steps must be an array of objects")
        return None
    if len(steps) > MOST_STEPS:
        options.wrong(f"Options.canary.steps must be at most {MOST_STEPS}")
    if unknown := sorted({str(name) for step in steps for name in step if name != "instance_weight"}):
        options.wrong(f"Options.canary.steps has unsupported key(s): {', '.join(unknown)}")
    if any("instance_weight" not in step for step in steps):
        options.wrong('Options.canary.steps missing key: "instance_weight"')
    weights = [step.get("instance_weight") for step in steps]
    whole = [weight for weight in weights if isinstance(weight, int) and not isinstance(weight, bool)]
    if len(whole) < len(weights) or not all(1 <= weight <= 100 for weight in whole):
        options.wrong("Options.canary.steps.instance weight must be an Integer between 1-100 (inclusive)")
    elif whole != sorted(whole):
        options.wrong("Options.canary.steps.instance weight must be sorted in ascending order")
    draft.weights = whole
    return {"steps": steps}


@endpoints("GET", "/v3/deployments")
def index(request: Request) -> Answer:
    what = scoped(request, Deployment.KIND, "app_guids", "states", "status_reasons", "status_values")
    what = narrowed(request, what, states="state", status_reasons="reason", status_values="status_value")
    return paginated(request, page(Deployment, what), render)


@endpoints("GET", "/v3/deployments/{guid}")
def show(request: Request, guid: str) -> Answer:
    deployment, _ = owned(request.actor, Deployment, guid)
    return Answer(render(request, deployment))


@endpoints("PATCH", "/v3/deployments/{guid}")
def update(request: Request, guid: str) -> Answer:
    return Answer(render(request, relabelled(request, Deployment, guid)))


def _operated(request: Request, guid: str) -> tuple[Deployment, Space]:
    """Who may not deploy is told that there is none, as Cloud Foundry has it."""
    try:
        return owned(request.actor, Deployment, guid, OPERATE)
    except NotAuthorized:
        raise NotFound(Deployment.LABEL) from None


@endpoints("POST", "/v3/deployments/{guid}/actions/cancel")
def cancel(request: Request, guid: str) -> Answer:
    deployment, space = _operated(request, guid)
    deployments.cancel(request.world, request.actor, deployment, space, request.trace)
    return Answer(None)


@endpoints("POST", "/v3/deployments/{guid}/actions/continue")
def go_on(request: Request, guid: str) -> Answer:
    deployment, space = _operated(request, guid)
    deployments.go_on(request.world, request.actor, deployment, space, request.trace)
    return Answer(None)
