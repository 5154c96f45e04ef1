"""Dead letters: shown without being taken, sent again, dropped."""

import json

import boto3
import pytest

from chalicelib.bootstrap import World
from chalicelib.contracts.components import HostOrder
from chalicelib.contracts.routing import RouterStart
from tests.functional.client import Client
from tests.functional.cloud import Cloud

BODY = {"queue": "cc"}


@pytest.fixture
def dead(world: World) -> list[str]:
    """Three letters of the queue ``cc``: one of a kind that expires, one that does not, one that cannot be read."""
    world.bus.say("queue:cc-dead", "dea.order", HostOrder("boot", "drain"), "the-trace")
    old = world.bus.envelope("dea.bid", RouterStart("r", "b", ""))
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="test-cc-dead")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(json.loads(old.encode()) | {"sent_at": 1.0}))
    sqs.send_message(QueueUrl=url, MessageBody='{"half": ')
    return ["dea.order", "dea.bid", ""]


def test_a_look_shows_what_each_was_and_takes_none(api: Client, dead: list[str]) -> None:
    for _ in range(2):
        letters = api.admin.get("/admin/dead_letters").json["resources"]
        assert sorted(letter.get("subject", "") for letter in letters) == sorted(dead)
    by_subject = {letter.get("subject"): letter for letter in letters}
    assert by_subject["dea.order"]["trace"] == "the-trace"
    assert not by_subject["dea.order"]["is_expired"]
    assert by_subject["dea.bid"]["is_expired"]
    assert by_subject[None]["problem"].startswith("not JSON")
    assert "body" not in by_subject["dea.order"]


def test_the_one_that_is_named_goes_back_as_it_was(api: Client, cloud: Cloud, dead: list[str]) -> None:
    letters = api.admin.get("/admin/dead_letters").json["resources"]
    named = next(letter for letter in letters if letter.get("subject") == "dea.order")
    done = api.admin.post("/admin/dead_letters/actions/replay", json=BODY | {"ids": [named["id"]]})
    assert done.json == {"replayed": 1, "left": 2}
    (back,) = cloud.taken("queue:cc")
    assert (back.subject, back.trace, back.body) == ("dea.order", "the-trace", {"boot": "boot", "order": "drain"})
    assert len(api.admin.get("/admin/dead_letters").json["resources"]) == 2


def test_without_names_all_of_a_queue_are_meant(api: Client, cloud: Cloud, dead: list[str]) -> None:
    assert api.admin.post("/admin/dead_letters/actions/drop", json={"queue": "jobs"}).json["dropped"] == 0
    assert api.admin.post("/admin/dead_letters/actions/drop", json=BODY).json == {"dropped": 3, "left": 0}
    assert cloud.taken("queue:cc-dead") == cloud.taken("queue:cc") == []


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "Queue must be one of cc, jobs, hm, beats"),
        ({"queue": "mine"}, "Queue must be one of cc, jobs, hm, beats"),
        ({"queue": "cc", "ids": "all"}, "Ids must be a list of strings"),
        ({"queue": "cc", "id": []}, "Unknown field(s): 'id'"),
    ],
)
def test_what_is_meant_must_be_said(api: Client, body: dict[str, object], detail: str) -> None:
    assert api.admin.post("/admin/dead_letters/actions/replay", json=body).error == (
        10008,
        "CF-UnprocessableEntity",
        detail,
    )
