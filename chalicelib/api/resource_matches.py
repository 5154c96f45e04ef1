"""/v3/resource_matches: which of these files need not be sent."""

import re
from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.services import flags, pool

endpoints = Endpoints(__name__)

MAX_RESOURCES = 5000
SHA1 = re.compile(r"[0-9a-f]{40}")
MODE = re.compile(r"[0-7]{1,6}")


@endpoints("POST", "/v3/resource_matches")
def match(request: Request) -> Answer:
    flags.require(request.actor, "app_bits_upload")
    body = Body(request.json())
    resources = body.take("resources", required=True)
    if resources is not None and not isinstance(resources, list):
        body.wrong("Resources must be an array")
        resources = None
    if resources is not None and len(resources) > MAX_RESOURCES:
        body.wrong(f"Array must have at most {MAX_RESOURCES} resources")
    elif resources is not None and (wrong := _first_wrong(resources)):
        body.wrong(wrong)
    body.done()
    if not flags.is_on("resource_matching"):
        return Answer({"resources": []}, 201)
    known = pool.known((item["checksum"]["value"], item["size_in_bytes"]) for item in resources or ())
    matched = [
        {
            "checksum": {"value": item["checksum"]["value"]},
            "size_in_bytes": item["size_in_bytes"],
            "path": item.get("path") or "",
            "mode": item.get("mode") or "644",
        }
        for item in resources or ()
        if (item["checksum"]["value"], item["size_in_bytes"]) in known
    ]
    return Answer({"resources": matched}, 201)


def _first_wrong(resources: list[Any]) -> str | None:
    """What is wrong with the first resource that is; clients send thousands of one making."""
    for item in resources:
        if not isinstance(item, dict):
            return "Array contains at least one non-object"
        checksum = item.get("checksum")
        value = checksum.get("value") if isinstance(checksum, dict) else None
        if not isinstance(value, str) or not SHA1.fullmatch(value):
            return "Array contains at least one resource with an invalid sha1 checksum value"
        size = item.get("size_in_bytes")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            return "Array contains at least one resource with an invalid size_in_bytes"
        if not isinstance(item.get("path") or "", str):
            return "Array contains at least one resource with an invalid path"
        mode = item.get("mode") or "644"
        if not isinstance(mode, str) or not MODE.fullmatch(mode):
            return "Array contains at least one resource with an incorrect mode"
    return None
