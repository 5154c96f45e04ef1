"""Who may do what: every function, by its name, and every kind of host. infra/iam/policies is made of it.

Resources are named as infra/topology.json names them: ``table:apps``, ``queue:cc``, ``dead:cc`` (dead letters),
``topic:dea``, ``blobs`` (the objects) and ``bucket:blobs`` (the bucket); ``queues:dea`` are the queues that DEAs make
at boot, ``secret:signing-key`` is the keys' secret, ``log-group`` the part's own, ``*`` what AWS knows no resource of.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from chalicelib.contracts.frozen import frozen

TOPOLOGY = json.loads((Path(__file__).parent.parent / "topology.json").read_text())


@frozen
class Grant:
    """actions on each of the resources. reason: why no call of ours shows it, or why its resource is ``*``."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    reason: str = ""


#: What can be read by its key can be read by a query; no part may scan.
READ = ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query")
#: A transaction asks for each of its operations.
WRITE = ("dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem")

#: The HealthManager's own: the actual state.
HEALTH = (
    "components",
    "crash-counts",
    "deas",
    "health-state",
    "instances",
    "usage",
)
#: What of the desired state the HealthManager reads.
DESIRED = (
    "members",
    "placements",
    "processes",
)
#: The CloudController's: everything else.
CONTROL = tuple(sorted(set(TOPOLOGY["tables"]) - set(HEALTH)))


def tables(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"table:{name}" for name in names)


LOGS = Grant(
    ("logs:CreateLogStream", "logs:PutLogEvents"), ("log-group",), "Lambda writes the function's log with its role"
)


def polls(queue: str) -> Grant:
    """Lambda takes messages out of the function's queue with the function's role."""
    return Grant(
        (
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ),
        (f"queue:{queue}",),
        "Lambda polls with the function's role",
    )


def sends(*queues: str) -> Grant:
    return Grant(("sqs:GetQueueUrl", "sqs:SendMessage"), tuple(f"queue:{queue}" for queue in queues))


#: Every function of the CloudController may owe any of its messages (the outbox), so that each may send them all.
CONTROLLER = (
    Grant((*READ, *WRITE, "dynamodb:BatchWriteItem"), tables(CONTROL)),
    Grant(READ, tables(HEALTH)),
    Grant(("sns:Publish",), ("topic:components", "topic:dea", "topic:routes")),
    sends("cc", "hm", "jobs"),
    Grant(("sqs:SendMessage",), ("queues:dea",)),
    Grant(("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"), ("blobs",)),
    Grant(("s3:ListBucket",), ("bucket:blobs",), "without it S3 answers 403 for what is missing"),
    Grant(("secretsmanager:GetSecretValue",), ("secret:signing-key",)),
    LOGS,
)
DEAD = tuple(f"dead:{queue}" for queue in TOPOLOGY["queues"])

HEALTH_MANAGER = (
    Grant((*READ, *WRITE), tables(HEALTH)),
    Grant(READ, tables(DESIRED)),
    sends("beats", "cc"),
    LOGS,
)
#: EC2 is asked when many hosts are silent at once.
ASKS_EC2 = Grant(("ec2:DescribeInstances",), ("*",), "describing knows no resource")


def host(kind: str, *heard: str) -> tuple[Grant, ...]:
    """A host's own queue, made at boot and removed at the end, and the topics that it hears."""
    return (
        Grant(
            (
                "sqs:CreateQueue",
                "sqs:DeleteMessage",
                "sqs:DeleteQueue",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
                "sqs:SetQueueAttributes",
            ),
            (f"queues:{kind}",),
        ),
        Grant(("sns:Subscribe",), tuple(f"topic:{topic}" for topic in heard)),
        Grant(("sns:Unsubscribe",), ("*",), "unsubscribing knows no resource; a subscription's id cannot be guessed"),
    )


#: The whole of it: part -> what it may do.
PARTS: dict[str, tuple[Grant, ...]] = {
    "api_handler": (
        *CONTROLLER,
        Grant(("secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"), ("secret:signing-key",)),
        # Operators list dead letters, send them again, and drop them.
        Grant(
            (
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:GetQueueUrl",
                "sqs:ReceiveMessage",
            ),
            DEAD,
        ),
        sends("beats"),
    ),
    "cc_inbox": (*CONTROLLER, polls("cc")),
    "cc_jobs": (*CONTROLLER, polls("jobs")),
    "cc_sweep": CONTROLLER,
    "hm_inbox": (*HEALTH_MANAGER, polls("hm")),
    "hm_beats": (*HEALTH_MANAGER, polls("beats"), ASKS_EC2),
    "hm_quick_sweep": HEALTH_MANAGER,
    "hm_full_sweep": HEALTH_MANAGER,
    "dea": (
        *host("dea", "components", "dea"),
        sends("beats", "cc", "hm"),
        Grant(("sns:Publish",), ("topic:components", "topic:routes")),
    ),
    "router": (*host("router", "components", "routes"), Grant(("sns:Publish",), ("topic:components",))),
}

#: Function, as Chalice packages it -> the part whose policy its role has. Each is a part of its own.
FUNCTIONS: dict[str, str] = {
    "api_handler": "api_handler",
    "cc_inbox": "cc_inbox",
    "cc_jobs": "cc_jobs",
    "cc_sweep": "cc_sweep",
    "hm_inbox": "hm_inbox",
    "hm_beats": "hm_beats",
    "hm_quick_sweep": "hm_quick_sweep",
    "hm_full_sweep": "hm_full_sweep",
}
