"""What rights are made of: sets of actions, and grants of them on resources by the names of infra/topology.json."""

import json
from pathlib import Path

from chalicelib.contracts.frozen import frozen

TOPOLOGY = json.loads((Path(__file__).parent.parent / "topology.json").read_text())


@frozen
class Grant:
    """actions on each of the resources. reason: why a resource is ``*``. unseen: why no recorded call shows it."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    reason: str = ""
    unseen: str = ""


#: What can be read by its key can be read by a query, or in the middle of a transaction; no part may scan.
READ = ("dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:Query")
#: A transaction asks for each of its operations.
WRITE = ("dynamodb:PutItem", "dynamodb:UpdateItem")
DELETE = ("dynamodb:DeleteItem",)
#: Many rows at once, put or deleted.
BATCH = ("dynamodb:BatchWriteItem",)


def on(actions: tuple[str, ...], names: str, *more: str, unseen: str = "") -> Grant:
    """Of tables. names, more: with blanks between them."""
    tables = sorted({name for some in (names, *more) for name in some.split()})
    return Grant(actions, tuple(f"table:{name}" for name in tables), unseen=unseen)


def sends(*queues: str, unseen: str = "") -> Grant:
    return Grant(("sqs:GetQueueUrl", "sqs:SendMessage"), tuple(f"queue:{queue}" for queue in queues), unseen=unseen)


def says(*topics: str, unseen: str = "") -> Grant:
    return Grant(("sns:Publish",), tuple(f"topic:{topic}" for topic in topics), unseen=unseen)


#: To hosts, into the queue that each has made.
TELLS_HOSTS = Grant(("sqs:SendMessage",), ("queues:dea",))
#: Without it S3 answers 403 for what is missing.
LISTS_BLOBS = Grant(("s3:ListBucket",), ("bucket:blobs",))
KEYS = Grant(("secretsmanager:GetSecretValue",), ("secret:signing-key",))


def blobs(*verbs: str, unseen: str = "") -> Grant:
    """verbs: of S3, such as ``GetObject``."""
    return Grant(tuple(f"s3:{verb}" for verb in verbs), ("blobs",), unseen=unseen)


def function(queue: str = "") -> tuple[Grant, ...]:
    """What Lambda does with a function's role. queue: the one that it polls for it."""
    log = Grant(
        ("logs:CreateLogStream", "logs:PutLogEvents"),
        ("log-group",),
        unseen="Lambda writes what a function prints; on one machine it is a file",
    )
    polls = Grant(
        ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
        (f"queue:{queue}",),
    )
    return (log, polls) if queue else (log,)


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
