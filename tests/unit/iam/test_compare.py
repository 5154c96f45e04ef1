"""Recorded calls and policies are held together in both directions."""

from infra.iam.compare import Recorded, compare
from infra.iam.grants import Grant
from infra.iam.record import compact, expanded

PLACE = "us-east-1:123456789012"
APPS = f"arn:aws:dynamodb:{PLACE}:table/zf-apps"
READS = Grant(("dynamodb:GetItem", "dynamodb:Query"), ("table:apps", "table:audit-events"))
SENDS = Grant(("sqs:SendMessage",), ("queues:dea",))
GET: Recorded = ("api", "dynamodb:GetItem", APPS)
BY_DAY: Recorded = ("api", "dynamodb:Query", f"arn:aws:dynamodb:{PLACE}:table/test-audit-events/index/by-day")
START: Recorded = ("api", "sqs:SendMessage", f"arn:aws:sqs:{PLACE}:test-dea-0-boot")


def test_what_is_asked_for_and_granted_is_well_whatever_the_installation_is_called() -> None:
    found = compare({"api": (READS, SENDS)}, {GET, BY_DAY, START})
    assert (found.refused, found.unused) == ([], [])
    assert (found.calls, found.parts, found.grants, found.excepted) == (3, 1, 3, 0)


def test_what_is_asked_for_and_not_granted_is_told() -> None:
    parts = {"api": (READS, SENDS), "jobs": (SENDS,)}
    calls = {("api", "dynamodb:PutItem", APPS), ("jobs", *GET[1:]), ("nobody", *GET[1:]), GET, BY_DAY, START}
    assert compare(parts, calls).refused == [
        f"refused: api dynamodb:PutItem {APPS}",
        f"refused: jobs dynamodb:GetItem {APPS}",
        f"refused: nobody dynamodb:GetItem {APPS}",
    ]


def test_what_is_granted_and_not_asked_for_is_told_unless_it_has_a_reason() -> None:
    assert compare({"api": (READS, SENDS)}, {GET}).unused == [
        "unused: api dynamodb:GetItem, dynamodb:Query on table:audit-events",
        "unused: api sqs:SendMessage on queues:dea",
    ]
    rare = Grant(SENDS.actions, SENDS.resources, unseen="nobody does it here")
    found = compare({"api": (Grant(READS.actions, ("table:apps",)), rare)}, {GET})
    assert (found.unused, found.grants, found.excepted) == ([], 2, 1)


def test_a_grant_is_not_used_by_another_part_nor_by_another_action() -> None:
    parts = {"api": (SENDS,), "jobs": (SENDS,)}
    assert compare(parts, {START}).unused == ["unused: jobs sqs:SendMessage on queues:dea"]
    assert len(compare({"api": (SENDS,)}, {("api", "sqs:DeleteQueue", START[2])}).unused) == 1


def test_a_record_says_what_of_a_kind_and_not_which() -> None:
    blob = ("api", "s3:GetObject", "arn:aws:s3:::zf-blobs/droplets/1")
    record = compact({GET, BY_DAY, START, blob, ("jobs", "sns:Unsubscribe", "*"), ("jobs", "s3:GetObject", "arn:else")})
    assert record == {
        "api": {
            "dynamodb:GetItem": ["table:apps"],
            "dynamodb:Query": ["table:audit-events/index/by-day"],
            "s3:GetObject": ["blobs"],
            "sqs:SendMessage": ["queues:dea"],
        },
        "jobs": {"s3:GetObject": ["arn:else"], "sns:Unsubscribe": ["*"]},
    }


def test_a_record_that_is_read_back_is_the_same_record() -> None:
    lines = {GET, BY_DAY, START, ("api", "sqs:ReceiveMessage", f"arn:aws:sqs:{PLACE}:zf-cc-dead")}
    assert compact(expanded(compact(lines))) == compact(lines)
    assert not compare({"api": (READS, SENDS)}, expanded(compact({GET, BY_DAY, START}))).refused
