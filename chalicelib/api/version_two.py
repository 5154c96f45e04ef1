"""/v2: not offered. Whoever asks is told so in v2's own shape: v7 of cf does for its service commands."""

from chalicelib.api.base import Answer, Endpoints, Request

endpoints = Endpoints(__name__)

DESCRIPTION = (
    "Unknown request: this platform offers no v2 API. Use version 8 of the cf CLI, or any client of the v3 API; "
    "services are at /v3/service_instances."
)

#: As deep as v7 goes: /v2/user_provided_service_instances/GUID/routes/GUID.
PATHS = (
    "/v2",
    "/v2/{guid}",
    "/v2/{guid}/{part}",
    "/v2/{guid}/{part}/{name}",
    "/v2/{guid}/{part}/{name}/{member}",
)


def _answer(request: Request, **variables: str) -> Answer:
    return Answer({"code": 10000, "error_code": "CF-NotFound", "description": DESCRIPTION}, 404)


for path in PATHS:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        endpoints(method, path)(_answer)
