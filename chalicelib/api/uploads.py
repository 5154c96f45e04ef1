"""/internal/uploads: what the uploader at a router asks. Routers refuse ``/internal`` from outside."""

from chalicelib.api import buildpacks, droplets, packages
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import Render
from chalicelib.contracts.codec import to_json
from chalicelib.services import uploads

endpoints = Endpoints(__name__)

RENDERS: dict[str, Render] = {
    "packages": packages.render,
    "droplets": droplets.render,
    "buildpacks": buildpacks.render,
}
#: A signed claim is short; so is any sane package in S3's eyes.
MAX_CLAIM = 10_000
MAX_BYTES = 5 * 1024**4


@endpoints("POST", "/internal/uploads")
def begin(request: Request) -> Answer:
    """With the caller's own token: every refusal of the upload is this one's answer."""
    actor = request.actor
    body = Body(request.json())
    kind = body.choice("kind", tuple(RENDERS)) or ""
    if not kind:
        body.wrong("Kind can't be blank")
    guid = body.text("guid", required=True) or ""
    length = body.integer("content_length", 0, MAX_BYTES)
    body.done()
    return Answer(to_json(uploads.begin(request.world, actor, kind, guid, length)), 201)


@endpoints("POST", "/internal/uploads/complete")
def complete(request: Request) -> Answer:
    """With the claim of the beginning in place of a token, which may have expired meanwhile."""
    body = Body(request.json())
    upload = body.text("upload", required=True, limit=MAX_CLAIM) or ""
    size = body.integer("size", 0, MAX_BYTES, required=True) or 0
    body.take("sha256")
    filename = body.text("filename", limit=1024, default="") or ""
    is_stored = body.boolean("resources_stored")
    resources = body.take("resources")
    if resources is not None and not isinstance(resources, list):
        body.wrong("Resources must be an array")
    body.done()
    kind, taken, job_guid = uploads.complete(request.world, upload, size, filename, resources, is_stored, request.trace)
    document = RENDERS[kind](request, taken)
    if job_guid is None:
        return Answer(document)
    return Answer(document, 202, {"Location": f"{request.base}/v3/jobs/{job_guid}"})
