"""/v3/jobs/{guid}: how background work goes on. Whoever knows its guid may ask."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.render import common
from chalicelib.core.errors import PaasError
from chalicelib.services.listing import get
from chalicelib.tables.ledger import Job

endpoints = Endpoints(__name__)


def render(request: Request, job: Job) -> dict[str, Any]:
    """A job that failed always says why: clients crash on an empty list of errors."""
    document = common(request, job)
    del document["metadata"]
    if job.resource and "delete" not in str(job.operation):
        kind = job.resource["kind"]
        document["links"][kind] = {"href": f"{request.base}/v3/{kind}/{job.resource['guid']}"}
    unexplained = PaasError("The job failed for an unknown reason.").body()["errors"] if job.state == "FAILED" else []
    return document | {
        "operation": job.operation,
        "state": job.state,
        "errors": job.errors or unexplained,
        "warnings": job.warnings,
    }


@endpoints("GET", "/v3/jobs/{guid}")
def show(request: Request, guid: str) -> Answer:
    _ = request.actor
    return Answer(render(request, get(Job, guid)))
