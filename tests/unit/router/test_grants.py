import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from chalicelib.contracts.routing import Endpoint
from router.grants import FIRST_PAUSE_S, Grants
from tests.unit.router.builders import an_endpoint

KEYS = {kid: RSAKey.generate_key(2048) for kid in ("one", "two")}


class Plane:
    """CC's key set; ``kids`` are those that it has now."""

    def __init__(self, *kids: str) -> None:
        self.kids, self.asked, self.away, self.now = kids, 0, False, 0.0

    def fetch(self) -> bytes:
        self.asked += 1
        if self.away:
            raise OSError("away")
        keys = [{"kid": kid, "alg": "RS256"} | KEYS[kid].as_dict(private=False) for kid in self.kids]
        return json.dumps({"keys": keys}).encode()

    def grants(self, folder: Path) -> Grants:
        return Grants(self.fetch, folder / "keys.json", clock=lambda: self.now)


def signed(kid: str = "one", **claims: Any) -> str:
    return jwt.encode({"alg": "RS256", "kid": kid}, {"iss": "zf"} | claims, KEYS[kid])


def granted(endpoint: Endpoint, **other: Any) -> Endpoint:
    claims = {
        "typ": "route",
        "sub": endpoint.instance_guid,
        "app": endpoint.app_guid,
        "routes": list(endpoint.routes),
        "rv": endpoint.routes_version,
    }
    return replace(endpoint, grant=signed(**(claims | other)))


def test_a_good_grant_is_good(tmp_path: Path) -> None:
    assert Plane("one").grants(tmp_path).is_route_grant(granted(an_endpoint()))


def test_a_grant_allows_fewer_routes_than_it_names(tmp_path: Path) -> None:
    endpoint = granted(an_endpoint("g1", "a.x", "b.x"))
    assert Plane("one").grants(tmp_path).is_route_grant(replace(endpoint, routes=("b.x",)))


@pytest.mark.parametrize(
    "other",
    [
        *[{"typ": "log"}, {"sub": "g2"}, {"app": "app-2"}, {"routes": []}, {"routes": "a.example.com"}, {"rv": 2}],
        *[{"iss": "else"}, {"routes": [["a.example.com"]]}, {"routes": None}],
    ],
)
def test_a_grant_of_something_else_is_none(tmp_path: Path, other: dict[str, Any]) -> None:
    assert not Plane("one").grants(tmp_path).is_route_grant(granted(an_endpoint(), **other))


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "é.é.é", "x" * 100_000])
def test_nonsense_is_no_grant(tmp_path: Path, text: str) -> None:
    assert Plane("one").grants(tmp_path).claims(text) is None


def test_other_algorithms_are_refused(tmp_path: Path) -> None:
    public = json.dumps(KEYS["one"].as_dict(private=False))
    forged = jwt.encode(
        {"alg": "HS256", "kid": "one"}, {"iss": "zf", "typ": "log", "sub": "a"}, OctKey.import_key(public)
    )
    assert Plane("one").grants(tmp_path).claims(forged) is None
    head, body, _ = signed(typ="log").split(".")
    assert Plane("one").grants(tmp_path).claims(f"{head}.{body}.") is None


def test_a_grant_is_verified_once(tmp_path: Path) -> None:
    plane = Plane("one")
    grants, text = plane.grants(tmp_path), signed(typ="log", sub="a")
    assert grants.claims(text) is grants.claims(text)
    assert plane.asked == 1


def test_keys_survive_on_disk_while_the_control_plane_is_away(tmp_path: Path) -> None:
    plane = Plane("one")
    plane.grants(tmp_path).claims(signed())
    plane.away = True
    assert plane.grants(tmp_path).claims(signed()) is not None
    (tmp_path / "keys.json").write_text("{")
    assert plane.grants(tmp_path).claims(signed()) is None


def test_a_new_key_is_fetched(tmp_path: Path) -> None:
    plane = Plane("one")
    grants = plane.grants(tmp_path)
    grants.claims(signed("one"))
    plane.kids, plane.now = ("one", "two"), 10.0
    assert grants.claims(signed("two")) is not None


def test_an_unknown_key_is_asked_for_with_back_off(tmp_path: Path) -> None:
    plane = Plane("one")
    grants = plane.grants(tmp_path)
    for step in range(1000):
        plane.now = step * FIRST_PAUSE_S / 2
        grants.claims(signed("two", n=step))
    assert plane.asked < 20


def test_a_control_plane_that_was_away_is_asked_again(tmp_path: Path) -> None:
    plane = Plane("one")
    plane.away = True
    grants = plane.grants(tmp_path)
    assert grants.claims(signed()) is None
    plane.away, plane.now = False, 2 * FIRST_PAUSE_S
    assert grants.claims(signed()) is not None


def test_a_log_grant_names_its_source_and_a_route_grant_its_app(tmp_path: Path) -> None:
    grants = Plane("one").grants(tmp_path)
    assert grants.log_source(signed(typ="log", sub="app-1")) == ("log", "app-1")
    assert grants.log_source(signed(typ="route", sub="i-1", app="app-1")) == ("route", "app-1")
    assert grants.log_source(signed(typ="token", sub="app-1")) is None
    assert grants.log_source(signed(typ="log")) is None
