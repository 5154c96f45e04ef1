"""Routers learn where the lines of bound apps go."""

from typing import Any

from chalicelib.services import grants
from tests.functional.client import Client
from tests.functional.services.broker import Broker
from tests.functional.services.conftest import Services

URL = "syslog-tls://logs.example.com:6514"


def test_routers_learn_the_drains_of_bound_apps_by_their_grants(
    services: Services, broker: Broker, dora: Client, api: Client
) -> None:
    web, idle = services.app(dora), services.app(dora, "idle")
    signed = [grants.log_grant(services.world, guid) for guid in (web, idle, "gone")]

    def asked(*shown: object) -> Any:
        return api.post("/internal/drains", json={"grants": list(shown)}).json["apps"]

    assert asked(*signed) == []
    drain = services.provided(dora, "drain", syslog_drain_url=URL)
    assert asked(*signed) == []
    binding = services.bind(dora, drain, web).guid
    (told,) = asked(*signed, *signed)
    assert (told["source_id"], told["urls"], told["names"]) == (web, [URL], ["local", "dev", "web"])
    assert told["tags"]["app_name"] == "web"
    assert told["tags"]["organization_name"] == "local"
    route = {"typ": "route", "sub": "i-1", "app": web, "routes": [], "rv": 1, "iss": "zf"}
    assert asked(services.world.keys.sign(route)) == [told]
    # Only CC's own words open this door.
    access = services.world.keys.sign({"typ": "access", "sub": web, "iss": "zf"})
    foreign = services.world.keys.sign({"typ": "log", "sub": web, "iss": "else"})
    assert asked(signed[0][:-6] + "AAAAAA", access, foreign, dora.token, "", "a.b.c") == []
    for bad in ({}, {"grants": "x"}, {"grants": [7]}, {"grants": ["x"] * 51}):
        assert api.post("/internal/drains", json=bad).error[0] == 1001
    assert dora.patch(f"/v3/service_instances/{drain}", json={"syslog_drain_url": "https://x.example/y"}).status == 200
    assert asked(signed[0])[0]["urls"] == ["https://x.example/y"]
    assert dora.delete(f"/v3/service_credential_bindings/{binding}").status == 204
    assert asked(*signed) == []
