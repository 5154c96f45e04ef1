"""Hosts that AWS does not run: invited, let in, given credentials, and let go."""

import time
from dataclasses import replace
from typing import Any

import botocore.session
import pytest

from chalicelib.adapters.clock import now
from chalicelib.bootstrap import World
from chalicelib.core.errors import Unprocessable
from chalicelib.services import joining
from chalicelib.tables.joined import JoinedHost
from tests.functional.admin.test_hosts import host
from tests.functional.client import Answered, Client
from tests.functional.cloud import Cloud

NAME = "lab-1"


def invite(api: Client, name: str = NAME, **more: Any) -> str:
    """The token."""
    answered = api.admin.post("/admin/joined_hosts", json={"name": name, **more})
    assert answered.status == 201, answered.text
    return str(answered.json["token"])


def join(api: Client, token: str) -> Answered:
    return api.post("/hosts/join", json={"token": token})


def renew(api: Client, secret: str, name: str = NAME) -> Answered:
    return api.post("/hosts/credentials", json={"id": name, "secret": secret})


def only(api: Client) -> dict[str, Any]:
    (row,) = api.admin.get("/admin/joined_hosts").json["resources"]
    return dict(row)


def refusal(answered: Answered) -> str:
    code, title, detail = answered.error
    assert (answered.status, code, title) == (403, 10003, "CF-NotAuthorized")
    return detail


def test_a_token_is_exchanged_once_for_settings_and_credentials_that_work(api: Client, cloud: Cloud) -> None:
    token = invite(api)
    assert only(api)["state"] == "INVITED"
    answered = join(api, token)
    assert answered.status == 200, answered.text
    assert answered.headers["cache-control"] == "no-store"
    given = answered.json
    assert given["id"] == NAME
    assert given["settings"]["ZF_PREFIX"] == "test"
    assert given["settings"]["AWS_ENDPOINT_URL"] == cloud.endpoint
    assert abs(given["now"] - time.time()) < 60
    keys = given["credentials"]
    assert keys["expires_in_s"] == 1800
    session = botocore.session.get_session()
    session.set_credentials(keys["access_key"], keys["secret_key"], keys["session_token"])
    who = session.create_client("sts", region_name="us-east-1", endpoint_url=cloud.endpoint).get_caller_identity()
    assert who["Arn"] == f"arn:aws:sts::123456789012:assumed-role/test-dea-joined/{NAME}"
    assert only(api)["state"] == "JOINED"
    assert "was used at" in refusal(join(api, token))
    assert renew(api, given["secret"]).status == 200, "a second use of the token harms nobody"


def test_a_secret_is_good_until_the_next_one_is_used(api: Client) -> None:
    first = join(api, invite(api)).json["secret"]
    lost = renew(api, first).json["secret"]
    second = renew(api, first).json["secret"]
    assert refusal(renew(api, lost)) == "This is not the secret of a host that has joined"
    third = renew(api, second).json
    assert third["credentials"]["session_token"]
    assert "not the secret" in refusal(renew(api, first))
    assert renew(api, third["secret"]).status == 200


def test_what_is_kept_are_hashes(api: Client, cloud: Cloud) -> None:
    token = invite(api)
    given = join(api, token).json
    held = repr(cloud.held())
    for secret in (token.rpartition(".")[2], given["secret"], given["credentials"]["secret_key"]):
        assert secret not in held


def test_wrong_expired_and_revoked_tokens_are_told_apart_by_who_has_them(api: Client) -> None:
    token = invite(api)
    for wrong in (f"{token}x", "zfjoin.lab-2.x", "zfjoin", "x" * 200, "zfjoin.lab-1."):
        assert refusal(join(api, wrong)) == "This join token is not known"
    JoinedHost("all", NAME).update([JoinedHost.invited_until.set(now() - 1)])
    assert "expired at" in refusal(join(api, token))
    assert only(api)["state"] == "EXPIRED"
    again = invite(api)
    assert "not known" in refusal(join(api, token)), "the newer invitation counts"
    assert api.admin.post(f"/admin/joined_hosts/{NAME}/actions/revoke").status == 202
    assert "was revoked at" in refusal(join(api, again))
    for body in ({}, {"token": 1}, {"token": "x" * 201}, {"token": again, "more": 1}):
        assert api.post("/hosts/join", json=body).status == 422


def test_who_is_revoked_drains_gets_nothing_more_and_can_be_invited_again(api: Client, cloud: Cloud) -> None:
    secret = join(api, invite(api)).json["secret"]
    queue = host(cloud, NAME)
    for _ in range(2):
        assert api.admin.post(f"/admin/joined_hosts/{NAME}/actions/revoke").json["state"] == "REVOKED"
    assert {told.body["order"] for told in cloud.taken(queue)} == {"drain"}
    assert f"Host {NAME} was revoked at" in refusal(renew(api, secret))
    assert join(api, invite(api)).status == 200
    assert "not the secret" in refusal(renew(api, secret))
    assert api.admin.post("/admin/joined_hosts/lab-9/actions/revoke").error[2] == "Host not found"
    assert api.admin.post("/admin/joined_hosts/%20/actions/revoke").error[2] == "Host not found"


def test_invitations_that_cannot_be(api: Client, cloud: Cloud, world: World) -> None:
    host(cloud, "dea-0")
    for body, said in (
        ({"name": "dea-0"}, "There is a host dea-0 already"),
        ({"name": "Lab"}, "Name must have 2 to 32 lower-case letters, digits and hyphens, and begin with a letter"),
        ({"name": "i-0123456789abcdef0"}, "Name must not look like an EC2 instance's"),
        ({"name": NAME, "valid_s": 1}, "Valid s must be greater than or equal to 60"),
    ):
        answered = api.admin.post("/admin/joined_hosts", json=body)
        assert (answered.status, answered.error[2]) == (422, said)
    join(api, invite(api))
    again = api.admin.post("/admin/joined_hosts", json={"name": NAME})
    assert again.error[2] == f"Host {NAME} has joined already; revoke it before you invite it again"
    closed = replace(world, config=replace(world.config, dea_role_arn=""))
    with pytest.raises(Unprocessable, match="ZF_DEA_ROLE_ARN is not set"):
        joining.settings(closed)
    assert api.get("/admin/joined_hosts").status == 401
