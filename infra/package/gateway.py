"""API Gateway's description of the API, from Chalice's: shorter, and with errors in Cloud Foundry's shape. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.core.errors import (
    NotAuthenticated,
    NotAuthorized,
    PaasError,
    ParseError,
    TooLarge,
    TooManyRequests,
    Unavailable,
    UnknownRequest,
)

#: What API Gateway says itself, before a function is asked or when none answers, and what it says instead. A path or a
#: method that nobody declared is MISSING_AUTHENTICATION_TOKEN, 403, to it; INVALID_SIGNATURE where the request has a
#: token of ours, in which it looks for a signature of AWS's.
SAID: dict[str, PaasError] = {
    "MISSING_AUTHENTICATION_TOKEN": UnknownRequest(),
    "INVALID_SIGNATURE": UnknownRequest(),
    "RESOURCE_NOT_FOUND": UnknownRequest(),
    "BAD_REQUEST_BODY": ParseError(),
    "BAD_REQUEST_PARAMETERS": ParseError("invalid request parameters"),
    "UNAUTHORIZED": NotAuthenticated(),
    "ACCESS_DENIED": NotAuthorized(),
    "REQUEST_TOO_LARGE": TooLarge("The request body is larger than 10485760 bytes."),
    "THROTTLED": TooManyRequests("Too many requests at once; try again in a moment."),
    "QUOTA_EXCEEDED": TooManyRequests("Too many requests; try again later."),
    "INTEGRATION_FAILURE": Unavailable("The API did not answer; try again in a moment."),
    "INTEGRATION_TIMEOUT": Unavailable("The API took too long; what was asked for may still be done."),
    "DEFAULT_4XX": ParseError("invalid request"),
    "DEFAULT_5XX": PaasError("An unknown error occurred."),
}
#: These stand for several statuses, each of which stays what it is.
MANY = frozenset({"DEFAULT_4XX"})

#: Where Terraform puts in what API Gateway calls.
FUNCTION = "${function}"


def responses() -> dict[str, Any]:
    """x-amazon-apigateway-gateway-responses."""
    return {
        kind: ({} if kind in MANY else {"statusCode": error.status})
        | {"responseTemplates": {"application/json": json.dumps(error.body())}}
        for kind, error in SAID.items()
    }


def _method(given: Mapping[str, Any]) -> dict[str, Any]:
    """One method: what it takes and answers is the function's affair."""
    kept = given["x-amazon-apigateway-integration"]
    method = {
        "responses": {"default": {"description": "What the function answers."}},
        "x-amazon-apigateway-integration": {
            "type": kept["type"],
            "httpMethod": kept["httpMethod"],
            "uri": FUNCTION,
            "passthroughBehavior": kept["passthroughBehavior"],
            "contentHandling": kept["contentHandling"],
        },
    }
    return ({"parameters": given["parameters"]} if given.get("parameters") else {}) | method


def described(swagger: Mapping[str, Any], binary_types: list[str]) -> dict[str, Any]:
    """A template for Terraform's templatefile(), whose one variable is ``function``, the URI that invokes it."""
    paths = {
        path: {method: _method(given) for method, given in sorted(methods.items())}
        for path, methods in sorted(swagger["paths"].items())
    }
    return {
        "swagger": "2.0",
        "info": {"title": "zerofoundry", "version": "1"},
        "schemes": ["https"],
        "x-amazon-apigateway-binary-media-types": binary_types,
        "x-amazon-apigateway-gateway-responses": responses(),
        "paths": paths,
    }


def text(described: Mapping[str, Any]) -> str:
    """As a file that people can compare: a line for each method."""
    paths = [
        f"    {json.dumps(path)}: {{\n"
        + ",\n".join(f"      {json.dumps(method)}: {json.dumps(one)}" for method, one in methods.items())
        + "\n    }"
        for path, methods in described["paths"].items()
    ]
    head = json.dumps({key: value for key, value in described.items() if key != "paths"}, indent=2)
    return head.removesuffix("\n}") + ',\n  "paths": {\n' + ",\n".join(paths) + "\n  }\n}\n"
