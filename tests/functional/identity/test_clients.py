"""The UAA's clients: made, changed, given a second secret before the first one goes, and kept within their bounds."""

from typing import Any

from tests.functional.client import Answered, Client
from tests.functional.identity.test_uaa import claims_of

CLIENTS = "/oauth/clients"


def make_client(api: Client, client_id: str, **more: Any) -> Answered:
    return api.admin.post(CLIENTS, json={"client_id": client_id, "client_secret": f"{client_id}-secret", **more})


def ask(api: Client, name: str, secret: str, **more: str) -> Answered:
    form = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret, **more}
    return api.post("/oauth/token", form=form)


def test_a_client_is_made_changed_listed_and_removed(api: Client) -> None:
    made = make_client(
        api,
        "robot",
        name="A robot",
        authorities=["cloud_controller.read", "uaa.none"],
        scope=["openid"],
        authorized_grant_types=["client_credentials", "password", "refresh_token"],
        access_token_validity=120,
    )
    assert made.status == 201, made.text
    assert (made.json["name"], made.json["authorities"], made.json["scope"]) == (
        "A robot",
        ["cloud_controller.read"],
        ["openid"],
    )
    assert "secret" not in made.text
    assert make_client(api, "robot").json["error"] == "invalid_client"
    token = ask(api, "robot", "robot-secret").json
    assert token["expires_in"] == 119
    assert claims_of(api, token["access_token"])["scope"] == ["cloud_controller.read"]
    changed = api.admin.put(f"{CLIENTS}/robot", json={"client_id": "robot", "authorities": "scim.read,scim.write"})
    assert (changed.status, changed.json["authorities"]) == (200, ["scim.read", "scim.write"]), changed.text
    assert ask(api, "robot", "robot-secret", scope="scim.read").json["scope"] == "scim.read"
    assert ask(api, "robot", "robot-secret", scope="uaa.admin").json["error"] == "invalid_scope"
    listed = api.admin.get(CLIENTS).json
    assert [client["client_id"] for client in listed["resources"]] == ["cf", "robot"]
    assert api.admin.get(CLIENTS, count=1, startIndex=2).json["resources"][0]["client_id"] == "robot"
    assert api.admin.get(CLIENTS, filter='client_id eq "robot"').json["totalResults"] == 1
    assert api.admin.get(CLIENTS, filter='client_id sw "ro"').json["error"] == "scim"
    assert api.admin.delete(f"{CLIENTS}/robot").status == 200
    assert ask(api, "robot", "robot-secret").status == 401
    assert api.admin.get(f"{CLIENTS}/robot").json["error"] == "not_found"
    assert api.admin.delete(f"{CLIENTS}/cf").status == 400


def test_a_users_token_says_no_more_than_its_client_may(api: Client) -> None:
    make_client(api, "narrow", scope=["cloud_controller.read", "scim.read"], authorized_grant_types=["password"])
    form = {"grant_type": "password", "username": "dora", "password": "sesame-open"}
    form |= {"client_id": "narrow", "client_secret": "narrow-secret"}
    assert api.admin.post("/Users", json={"userName": "dora", "password": "sesame-open"}).status == 201
    answered = api.post("/oauth/token", form=form)
    assert answered.json["scope"] == "cloud_controller.read", "what both have: dora is not in scim.read"
    assert "refresh_token" not in answered.json
    assert api.post("/oauth/token", form=form | {"scope": "openid"}).json["error"] == "invalid_scope"
    assert ask(api, "narrow", "narrow-secret").json["error"] == "unauthorized_client"


def test_a_second_secret_comes_before_the_first_one_goes(api: Client) -> None:
    make_client(api, "robot", authorities=["clients.secret"])
    path = f"{CLIENTS}/robot/secret"

    def works(secret: str) -> bool:
        return ask(api, "robot", secret).status == 200

    robot = api.with_token(ask(api, "robot", "robot-secret").json["access_token"])
    assert robot.put(path, json={"secret": "new-secret"}).json["error"] == "invalid_client"
    assert robot.put(path, json={"secret": "new-secret", "oldSecret": "guess"}).status == 400
    assert robot.put(f"{CLIENTS}/cf/secret", json={"secret": "new-secret", "oldSecret": ""}).status == 403
    added = robot.put(path, json={"secret": "new-secret", "oldSecret": "robot-secret", "changeMode": "ADD"})
    assert added.json == {"status": "ok", "message": "secret updated"}
    assert (works("robot-secret"), works("new-secret")) == (True, True)
    third = api.admin.put(path, json={"secret": "third-secret", "changeMode": "ADD"})
    assert "already has two secrets" in third.json["error_description"]
    assert api.admin.put(path, json={"changeMode": "DELETE"}).json["message"] == "secret deleted"
    assert (works("robot-secret"), works("new-secret")) == (False, True)
    assert "only one secret" in api.admin.put(path, json={"changeMode": "DELETE"}).json["error_description"]
    assert api.admin.put(path, json={"secret": "last-secret"}).status == 200
    assert (works("new-secret"), works("last-secret")) == (False, True)
    assert api.admin.put(path, json={"secret": "x", "changeMode": "SWAP"}).status == 400
    assert api.admin.put(f"{CLIENTS}/nobody/secret", json={"secret": "last-secret"}).status == 404


def test_nobody_gives_a_client_what_he_lacks(api: Client) -> None:
    make_client(api, "clerk", authorities=["clients.read", "clients.write"])
    clerk = api.with_token(ask(api, "clerk", "clerk-secret").json["access_token"])
    new = {"client_id": "x", "client_secret": "x-secret-x"}
    for field in ("authorities", "scope"):
        refused = clerk.post(CLIENTS, json={**new, field: ["cloud_controller.admin"]})
        assert (refused.status, refused.json["error"]) == (400, "invalid_scope")
    assert clerk.post(CLIENTS, json={**new, "authorities": ["clients.read"]}).status == 201
    assert clerk.put(f"{CLIENTS}/x", json={"authorities": ["uaa.admin"]}).json["error"] == "invalid_scope"
    dora = api.user("dora")
    for method, path in [
        ("GET", ""),
        ("POST", ""),
        ("GET", "/x"),
        ("PUT", "/x"),
        ("DELETE", "/x"),
        ("PUT", "/x/secret"),
    ]:
        answered = dora.request(method, f"{CLIENTS}{path}", json=new)
        assert (answered.status, answered.json["error"]) == (403, "insufficient_scope"), (method, path)


def test_a_wrong_client_is_refused_and_not_made(api: Client) -> None:
    good = {"client_id": "robot", "client_secret": "robot-secret"}
    wrong: list[dict[str, Any]] = [
        {"client_id": ""},
        {"client_id": 7},
        {"client_id": "a b"},
        {"client_id": "x" * 101},
        {"client_secret": "short"},
        {"client_secret": None},
        {"client_secret": "x" * 256},
        {"authorities": 7},
        {"authorities": [7]},
        {"authorities": ["a b"]},
        {"scope": ["x"] * 3 + ["y" * 101]},
        {"scope": [f"s.{i}" for i in range(101)]},
        {"authorized_grant_types": ["implicit"]},
        {"authorized_grant_types": {}},
        {"access_token_validity": 60},
        {"access_token_validity": 24 * 3600 + 1},
        {"access_token_validity": "600"},
        {"refresh_token_validity": True},
        {"name": []},
        {"colour": "blue"},
    ]
    for change in wrong:
        answered = api.admin.post(CLIENTS, json=good | change)
        assert answered.status == 400, change
        assert answered.json["error"] in ("invalid_client", "invalid_scope"), change
    assert api.admin.get(CLIENTS).json["totalResults"] == 1
    assert api.admin.post(CLIENTS, body="[").json["error"] == "invalid_request"
