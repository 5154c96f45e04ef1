"""What becomes of tokens: revoked before their time, checked by other servers, and signed by keys that change."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from joserfc.jwk import RSAKey

from chalicelib import bootstrap
from chalicelib.adapters import keys
from chalicelib.bootstrap import World
from chalicelib.contracts.grants import LOG
from chalicelib.services import grants
from router.grants import Grants
from tests.functional.client import Answered, Client
from tests.functional.identity.test_uaa import claims_of, log_in, refresh


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


@pytest.fixture
def server(api: Client) -> dict[str, str]:
    """The headers of a server that may have tokens checked."""
    body = {"client_id": "server", "client_secret": "server-secret", "authorities": ["uaa.resource"]}
    assert api.admin.post("/oauth/clients", json=body).status == 201
    return basic("server", "server-secret")


def check(api: Client, server: dict[str, str], token: str, **more: str) -> Answered:
    return api.post("/check_token", form={"token": token, **more}, headers=server)


def test_a_server_learns_what_a_token_says(api: Client, server: dict[str, str]) -> None:
    token = log_in(api).json["access_token"]
    claims = check(api, server, token).json
    assert (claims["user_name"], claims["client_id"]) == ("admin", "cf")
    assert check(api, server, token, scopes="openid,uaa.admin").status == 200
    assert check(api, server, token, scopes="no.such").json["error"] == "invalid_scope"
    for bad in ("", "forged", "a.b.c"):
        answered = check(api, server, bad)
        assert (answered.status, answered.json["error"]) == (400, "invalid_token")
        assert api.post("/introspect", form={"token": bad}, headers=server).json == {"active": False}
    active = api.post("/introspect", form={"token": token}, headers=server).json
    assert (active["active"], active["sub"]) == (True, api.admin.user_guid)
    assert check(api, basic("server", "wrong"), token).status == 401
    assert check(api, basic("cf", ""), token).status == 403
    assert (
        check(api, {"Authorization": f"bearer {api.user('dora').token}"}, token).json["error"] == "insufficient_scope"
    )


def test_who_a_token_is_of(api: Client) -> None:
    about = api.admin.get("/userinfo").json
    assert (about["user_name"], about["sub"], about["origin"]) == ("admin", api.admin.user_guid, "uaa")
    narrow = api.with_token(log_in(api, scope="cloud_controller.read").json["access_token"])
    assert narrow.get("/userinfo").json["error"] == "insufficient_scope"
    assert api.get("/userinfo").json["error"] == "unauthorized"
    document = api.get("/.well-known/openid-configuration").json
    assert document["issuer"] == claims_of(api, api.admin.token)["iss"]
    assert document["jwks_uri"].endswith("/token_keys")


def test_a_revocable_token_is_void_at_once(api: Client, server: dict[str, str]) -> None:
    first, second = (log_in(api, revocable="true").json for _ in range(2))
    assert claims_of(api, first["access_token"])["revocable"] is True
    session, other = (api.with_token(tokens["access_token"]) for tokens in (first, second))
    dora = api.user("dora")
    assert dora.delete(f"/oauth/token/revoke/{first['jti']}").json["error"] == "insufficient_scope"
    assert session.get("/v3/organizations").status == 200
    assert api.admin.delete(f"/oauth/token/revoke/{first['jti']}").status == 200
    assert session.get("/v3/organizations").error[1] == "CF-InvalidAuthToken"
    assert check(api, server, first["access_token"]).json["error"] == "invalid_token"
    assert other.get("/v3/organizations").status == 200
    assert dora.delete(f"/oauth/token/revoke/user/{api.admin.user_guid}").status == 403
    assert api.admin.delete(f"/oauth/token/revoke/user/{api.admin.user_guid}").status == 200
    assert other.get("/v3/organizations").status == 401
    assert refresh(api, second["refresh_token"]).json["error"] == "invalid_token"
    assert log_in(api).status == 200


def test_a_user_who_is_no_longer_active_is_out(api: Client) -> None:
    guid = api.admin.post("/Users", json={"userName": "eve", "password": "sesame"}).json["id"]
    tokens = log_in(api, "eve", "sesame", revocable="true").json
    eve = api.with_token(tokens["access_token"])
    assert eve.get("/v3/organizations").status == 200
    assert api.admin.patch(f"/Users/{guid}", json={"active": False}).json["active"] is False
    assert eve.get("/v3/organizations").status == 401
    assert refresh(api, tokens["refresh_token"]).status == 401
    assert log_in(api, "eve", "sesame").json == {"error": "unauthorized", "error_description": "Bad credentials"}
    assert api.admin.patch(f"/Users/{guid}", json={"active": True}).status == 200
    assert log_in(api, "eve", "sesame").status == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password", "passcode": "x"}, "invalid_grant"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "x"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "x"}, "unsupported_grant_type"),
        ({"grant_type": "password", "token_format": "opaque"}, "invalid_request"),
        ({"grant_type": "password", "login_hint": '{"origin":"ldap"}'}, "invalid_request"),
        ({"grant_type": "password", "login_hint": "["}, "invalid_request"),
    ],
)
def test_what_is_not_offered_is_said(api: Client, form: dict[str, str], error: str) -> None:
    answered = api.post("/oauth/token", form=form, headers=basic("cf", ""))
    assert (answered.status, answered.json["error"]) == (400, error)


def test_other_ways_to_log_in_are_not_offered(api: Client) -> None:
    assert "Passcodes are not offered" in api.get("/passcode").json["error_description"]
    assert api.admin.get("/oauth/authorize", response_type="code").json["error"] == "unsupported_response_type"
    assert api.get("/oauth/authorize").json["error"] == "unauthorized"
    assert log_in(api, login_hint='{"origin":"uaa"}').status == 200


def test_an_address_fails_only_so_often_whoever_it_guesses(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.services.attempts.MOST", 3)
    guesser, neighbour = {"X-Forwarded-For": "6.6.6.6, 203.0.113.9"}, {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}

    def guess(username: str, headers: dict[str, str]) -> Answered:
        form = {"grant_type": "password", "username": username, "password": "guess"}
        return api.post("/oauth/token", form=form, headers=basic("cf", "") | headers)

    assert [guess(f"user-{i}", guesser).status for i in range(4)] == [401, 401, 401, 429]
    assert guess("admin", guesser).json["error"] == "too_many_requests"
    assert guess("admin", neighbour).status == 401
    later = time.time() + 300
    monkeypatch.setattr("chalicelib.services.attempts.now", lambda: later)
    assert guess("nobody", guesser).status == 401


# -- keys ------------------------------------------------------------------------------------------------


@pytest.fixture
def secret(world: World) -> Iterator[None]:
    """The signing key is back to what it was afterwards."""
    client, name = boto3.client("secretsmanager"), f"{world.config.prefix}-signing-key"
    before = client.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["SecretString"]
    yield
    client.put_secret_value(SecretId=name, SecretString=before)
    world.keys._read()


def rotate(api: Client) -> dict[str, Any]:
    answered = api.admin.post("/admin/keys/actions/rotate")
    assert answered.status == 200, answered.text
    return dict(answered.json)


def test_a_new_key_signs_and_the_old_one_is_believed_for_a_while(
    api: Client, world: World, secret: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api.user("dora").post("/admin/keys/actions/rotate").error[0] == 10003
    old_key, old_token = world.keys.key_id, api.admin.token
    known = [key["kid"] for key in api.get("/token_keys").json["keys"]]
    old_grant, sealed = grants.log_grant(world, "app"), world.keys.seal({"a": "b"})
    elsewhere = bootstrap.make(world.config, "cc")
    assert elsewhere.keys.key_id == old_key
    assert elsewhere.keys.verify(old_token)
    new_key = rotate(api)["kid"]
    assert new_key != old_key
    assert [key["kid"] for key in api.get("/token_keys").json["keys"]] == [new_key, *known]
    assert api.get("/token_key").json["kid"] == new_key
    new_token = log_in(api).json["access_token"]
    for token in (old_token, new_token):
        assert api.with_token(token).get("/v3/organizations").status == 200
    # Another process hears of the new key when it meets it.
    monkeypatch.setattr(keys, "UNKNOWN_PAUSE_S", 0)
    assert elsewhere.keys.verify(new_token)
    assert elsewhere.keys.key_id == new_key
    assert elsewhere.keys.unseal(sealed) == {"a": "b"}
    # What DEAs hold lives as long as their instances; what they get now is signed anew.
    routers = Grants(lambda: api.get("/token_keys").text.encode(), tmp_path / "keys.json")
    for grant in (old_grant, grants.log_grant(world, "app")):
        assert routers.log_source(grant) == (LOG, "app")
    later = time.time() + keys.LONGEST_TOKEN_S + keys.REREAD_S + 1
    forever = world.keys.sign({"typ": "access", "sub": "x", "exp": later + 600})
    monkeypatch.setattr(time, "time", lambda: later)
    assert world.keys.verify(old_token) is None
    assert world.keys.verify(forever) is not None
    rotate_again = world.keys.rotate()
    assert [key["kid"] for key in world.keys.public_jwks()] == [rotate_again, new_key, *known]
    document = boto3.client("secretsmanager").get_secret_value(
        SecretId=f"{world.config.prefix}-signing-key", VersionStage="AWSCURRENT"
    )
    # One signs; the sealing key is derived from the first, which signs no more.
    assert document["SecretString"].count("PRIVATE KEY-----") == 4


def test_of_two_rotations_at_once_one_counts(world: World, secret: None, monkeypatch: pytest.MonkeyPatch) -> None:
    other, before = bootstrap.make(world.config, "cc"), world.keys.key_id
    generate = RSAKey.generate_key
    won: list[str] = []

    def slowly(*args: Any, **kwargs: Any) -> Any:
        """Somebody else is quicker."""
        if not won:
            won.append("")
            won[0] = other.keys.rotate()
        return generate(*args, **kwargs)

    monkeypatch.setattr(RSAKey, "generate_key", slowly)
    with pytest.raises(RuntimeError, match="rotated by somebody else"):
        world.keys.rotate()
    assert world.keys.key_id == won[0] == other.keys.key_id != before
