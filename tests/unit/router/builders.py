"""Small makers of routing messages for the unit tests."""

from chalicelib.contracts.routing import Endpoint


def an_endpoint(
    guid: str = "g1", *routes: str, port: int = 1001, app: str = "app-1", host: str = "10.0.0.1"
) -> Endpoint:
    return Endpoint(guid, app, "process-1", 1, 0, host, port, routes or ("a.example.com",), 1, f"grant of {guid}")
