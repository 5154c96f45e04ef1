"""Logging in, as cf and other clients do it, and what they must not get."""

import base64
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from chalicelib.bootstrap import World
from chalicelib.services import passwords, users
from chalicelib.tables.identity import User
from tests.functional.client import Answered, Client
from tests.functional.conftest import ADMIN_PASSWORD

CF = {"Authorization": "Basic Y2Y6"}


def log_in(api: Client, username: str = "admin", password: str = ADMIN_PASSWORD, **more: str) -> Answered:
    form = {"grant_type": "password", "username": username, "password": password, **more}
    return api.post("/oauth/token", form=form, headers=CF)


def refresh(api: Client, token: str) -> Answered:
    return api.post("/oauth/token", form={"grant_type": "refresh_token", "refresh_token": token}, headers=CF)


def claims_of(api: Client, token: str) -> dict[str, Any]:
    """Checked with the public key only, as a router does."""
    key = api.get("/token_key").json
    jwk = RSAKey.import_key({name: key[name] for name in ("kty", "n", "e")})
    return dict(jwt.decode(token, jwk, algorithms=["RS256"]).claims)


def test_the_login_page_names_the_prompts_as_pairs(api: Client) -> None:
    page = api.get("/login").json
    assert page["prompts"] == {"username": ["text", "Username"], "password": ["password", "Password"]}
    assert page["links"]["uaa"] == "http://api.localhost:8080"


def test_a_password_gives_tokens_with_the_claims_that_clients_read(api: Client) -> None:
    answered = log_in(api)
    assert answered.status == 200, answered.text
    assert answered.json["token_type"] == "bearer"
    assert answered.headers["cache-control"] == "no-store"
    claims = claims_of(api, answered.json["access_token"])
    assert claims["user_name"] == "admin"
    assert claims["user_id"] == claims["sub"]
    assert (claims["origin"], claims["client_id"], claims["typ"], claims["zid"]) == ("uaa", "cf", "access", "uaa")
    assert "cloud_controller.admin" in claims["scope"]
    assert claims["exp"] - claims["iat"] == 600
    assert claims["iss"] == "http://uaa.localhost:8080/oauth/token"
    assert {"cf", "cloud_controller", "uaa"} <= set(claims["aud"])
    assert claims["jti"] == answered.json["jti"]
    assert api.with_token(answered.json["access_token"]).get("/v3/organizations").status == 200


def test_the_scheme_of_the_token_is_compared_without_case(api: Client) -> None:
    token = log_in(api).json["access_token"]
    assert api.get("/v3/organizations", headers={"Authorization": f"BEARER {token}"}).status == 200


def test_a_scope_that_is_asked_for_narrows_the_token(api: Client) -> None:
    token = log_in(api, scope="openid cloud_controller.read").json["access_token"]
    assert claims_of(api, token)["scope"] == ["cloud_controller.read", "openid"]
    refused = log_in(api, scope="no.such")
    assert (refused.status, refused.json["error"]) == (400, "invalid_scope")
    assert log_in(api, scope="").status == 200


def test_a_narrowed_token_carries_its_users_power_no_further(api: Client, org: str) -> None:
    reader = api.with_token(log_in(api, scope="cloud_controller.read").json["access_token"])
    assert reader.get("/v3/organizations").status == 200
    assert reader.patch(f"/v3/organizations/{org}", json={}).error[1] == "CF-NotAuthorized"
    name_only = api.with_token(log_in(api, scope="openid").json["access_token"])
    assert name_only.get("/v3/organizations").status == 403
    assert name_only.get(f"/Users/{api.admin.user_guid}").status == 200


@pytest.mark.parametrize(("username", "password"), [("admin", "wrong"), ("nobody", "wrong"), ("admin", ""), ("", "")])
def test_wrong_credentials_are_refused_alike(api: Client, username: str, password: str) -> None:
    answered = log_in(api, username, password)
    assert (answered.status, answered.json) == (
        401,
        {"error": "unauthorized", "error_description": "Bad credentials"},
    )


def test_an_unknown_user_costs_the_time_of_a_known_one(api: Client) -> None:
    def cost(username: str) -> float:
        began = time.perf_counter()
        log_in(api, username, "wrong")
        return time.perf_counter() - began

    log_in(api, "nobody", "warm")
    known, unknown = min(cost("admin") for _ in range(3)), min(cost("nobody") for _ in range(3))
    assert unknown > known / 3


def test_repeated_failures_lock_the_account_for_a_while(api: Client) -> None:
    for _ in range(passwords.FAILURES_ALLOWED):
        assert log_in(api, password="wrong").json["error_description"] == "Bad credentials"
    locked = log_in(api)
    assert locked.status == 401
    assert locked.json["error_description"].startswith("Your account has been locked")
    admin = users.by_username("admin")
    assert admin is not None
    admin.update(actions=[User.locked_until.set(time.time() - 1)])
    assert log_in(api).status == 200


def test_a_success_forgets_the_failures_before(api: Client) -> None:
    for _ in range(3):
        for _ in range(passwords.FAILURES_ALLOWED - 1):
            log_in(api, password="wrong")
        assert log_in(api).status == 200


def test_a_refresh_token_is_exchanged_for_a_new_one(api: Client) -> None:
    first = log_in(api).json["refresh_token"]
    second = refresh(api, first)
    assert second.status == 200
    assert second.json["refresh_token"] != first
    assert claims_of(api, second.json["access_token"])["user_name"] == "admin"
    assert refresh(api, second.json["refresh_token"]).status == 200


def test_an_exchanged_refresh_token_works_only_for_a_moment(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first = log_in(api).json["refresh_token"]
    refresh(api, first)
    assert refresh(api, first).status == 200, "two commands may run at once"
    later = time.time() + 61
    monkeypatch.setattr("chalicelib.services.uaa.now", lambda: later)
    answered = refresh(api, first)
    assert (answered.status, answered.json["error"]) == (401, "invalid_token")


@pytest.mark.parametrize("token", ["", "made up", "x" * 5000, "\0"])
def test_a_made_up_refresh_token_is_refused(api: Client, token: str) -> None:
    assert refresh(api, token).json["error"] == "invalid_token"


def test_logging_out_voids_refresh_tokens(api: Client) -> None:
    tokens = log_in(api).json
    session = api.with_token(tokens["access_token"])
    assert session.delete(f"/oauth/token/revoke/{tokens['jti']}").status == 200
    assert refresh(api, tokens["refresh_token"]).json["error"] == "invalid_token"


def test_refresh_tokens_are_kept_as_hashes(api: Client, world: World) -> None:
    from chalicelib.tables.identity import RefreshToken

    token = log_in(api).json["refresh_token"]
    kept = [row.to_simple_dict() for row in RefreshToken.scan()]
    assert kept
    assert token not in str(kept)


def test_a_client_proves_itself_in_the_form_or_by_basic(api: Client) -> None:
    created = api.admin.post(
        "/oauth/clients",
        json={"client_id": "robot", "client_secret": "s3cret: &x", "authorities": ["cloud_controller.read"]},
    )
    assert created.status == 201, created.text
    assert "s3cret" not in created.text
    form = {"grant_type": "client_credentials", "client_id": "robot", "client_secret": "s3cret: &x"}
    by_form = api.post("/oauth/token", form=form)
    basic = base64.b64encode(b"robot:s3cret: &x").decode()
    by_basic = api.post(
        "/oauth/token", form={"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {basic}"}
    )
    for answered in (by_form, by_basic):
        claims = claims_of(api, answered.json["access_token"])
        assert (claims["client_id"], claims["scope"]) == ("robot", ["cloud_controller.read"])
        assert "user_name" not in claims
        assert "refresh_token" not in answered.json
    wrong = api.post("/oauth/token", form=form | {"client_secret": "wrong"})
    assert (wrong.status, wrong.json["error_description"]) == (401, "Bad credentials")
    empty = api.post("/oauth/token", form=form | {"client_secret": ""})
    assert empty.status == 401


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "implicit"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, 401, "unauthorized_client"),
    ],
)
def test_other_grants_are_refused(api: Client, form: dict[str, str], status: int, error: str) -> None:
    answered = api.post("/oauth/token", form=form, headers=CF)
    assert (answered.status, answered.json["error"]) == (status, error)


@pytest.mark.parametrize(
    "header", ["", "Basic", "Basic !!!", "Basic " + base64.b64encode(b"\xff\xfe").decode(), "x y z"]
)
def test_a_malformed_client_is_refused(api: Client, header: str) -> None:
    form = {"grant_type": "password", "username": "admin", "password": ADMIN_PASSWORD}
    assert api.post("/oauth/token", form=form, headers={"Authorization": header}).status == 401


@pytest.mark.parametrize("body", [b"\xff\xfe", urlencode({f"f{i}": "x" for i in range(60)}).encode()])
def test_a_malformed_form_is_refused(api: Client, body: bytes) -> None:
    answered = api.post("/oauth/token", body=body, headers=CF | {"Content-Type": "application/x-www-form-urlencoded"})
    assert (answered.status, answered.json["error"]) == (400, "invalid_request")


def test_what_was_not_signed_here_is_no_token(api: Client, world: World) -> None:
    genuine = log_in(api).json["access_token"]
    header, payload, signature = genuine.split(".")
    foreign_key = RSAKey.generate_key(2048)
    now = int(time.time())
    claims = {"typ": "access", "sub": "x", "scope": ["cloud_controller.admin"], "exp": now + 600}
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    forged = [
        jwt.encode({"alg": "RS256", "kid": world.keys.key_id}, claims, foreign_key),
        f"{none}.{payload}.",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        world.keys.sign(claims | {"exp": now - 1}),
        world.keys.sign(claims | {"typ": "route"}),
        world.keys.sign({name: value for name, value in claims.items() if name != "typ"}),
        "garbage",
        "a.b.c",
    ]
    for token in forged:
        answered = api.with_token(token).get("/v3/organizations")
        assert (answered.status, answered.error) == (401, (1000, "CF-InvalidAuthToken", "Invalid Auth Token")), token
    assert api.get("/v3/organizations").error == (10002, "CF-NotAuthenticated", "Authentication error")
    assert api.get("/v3/organizations", headers={"Authorization": "Basic Y2Y6"}).error[0] == 1000


def test_a_login_is_made_found_changed_and_removed_by_scim(api: Client) -> None:
    new = {"userName": "Dora", "password": "first one", "origin": "uaa", "name": {}, "emails": [{"value": "d"}]}
    made = api.admin.post("/Users", json=new)
    assert made.status == 201, made.text
    assert "first one" not in made.text
    assert api.admin.post("/Users", json=new).status == 409
    found = api.admin.get("/Users", filter='userName eq "dora" and origin eq "uaa"').json["resources"]
    assert [user["id"] for user in found] == [made.json["id"]]
    tokens = log_in(api, "dora", "first one").json
    dora = api.with_token(tokens["access_token"])
    guid = made.json["id"]
    wrong = dora.put(f"/Users/{guid}/password", json={"oldPassword": "guess", "password": "second one"})
    assert wrong.status == 401
    assert dora.put(f"/Users/{guid}/password", json={"oldPassword": "first one", "password": ""}).status == 422
    changed = dora.put(f"/Users/{guid}/password", json={"oldPassword": "first one", "password": "second one"})
    assert changed.status == 200
    assert refresh(api, tokens["refresh_token"]).status == 401, "a new password ends old sessions"
    assert log_in(api, "dora", "second one").status == 200
    assert dora.delete(f"/Users/{guid}").json["error"] == "insufficient_scope"
    assert api.admin.delete(f"/Users/{guid}").status == 200
    assert log_in(api, "dora", "second one").status == 401
    assert api.admin.get(f"/Users/{guid}").json["error"] == "scim_resource_not_found"


def test_the_users_endpoint_wants_a_token_in_its_own_words(api: Client) -> None:
    assert api.get("/Users", filter='userName eq "x"').json["error"] == "unauthorized"
    assert api.with_token("forged").get("/Users").json["error"] == "invalid_token"
    assert api.admin.get("/Users", filter="userName sw x").json["error"] == "scim"
    assert api.admin.post("/Users", body="{").json["error"] == "invalid_request"
    assert api.admin.post("/Users", json={"userName": 7}).json["error"] == "invalid_scim_resource"


def test_invariant_10_no_password_is_logged(api: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    log_in(api, password="sesame-open")
    log_in(api)
    assert "sesame-open" not in caplog.text
    assert ADMIN_PASSWORD not in caplog.text
