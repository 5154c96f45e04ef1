"""Small makers of routing messages for the unit tests."""

from dataclasses import replace

from chalicelib.contracts.routing import Endpoint, RouteRule


def an_endpoint(
    guid: str = "g1", *routes: str, port: int = 1001, app: str = "app-1", host: str = "10.0.0.1"
) -> Endpoint:
    return Endpoint(guid, app, "process-1", 1, 0, host, port, routes or ("a.example.com",), 1, f"grant of {guid}")


def ruled(endpoint: Endpoint, **rule: object) -> Endpoint:
    """With a rule for its first route."""
    return replace(endpoint, rules=(RouteRule(endpoint.routes[0], **rule),))  # type: ignore[arg-type]
