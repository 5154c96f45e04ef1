"""Hosts that AWS does not run: their names, what their credentials may do, and what such a host is told. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from chalicelib.contracts.frozen import frozen
from chalicelib.core.timers import VARIABLES, Timers

#: Of a host. A queue's name has at most 80 characters: 24 of the installation's, ``-dea-``, these, and the boot's 16.
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]")
#: EC2's own: AWS would be asked about such a host, and would say that it is gone.
EC2_NAME = re.compile(r"i-[0-9a-f]+")

#: How long an invitation is good, seconds: unless said otherwise, at least, at most.
INVITED_S, LEAST_INVITED_S, MOST_INVITED_S = 3600, 60, 7 * 24 * 3600

#: How long credentials are good, seconds. A host renews them at half of it, so that the API may be away for the rest;
#: who is revoked has its last ones for no longer. STS gives 900 at least; to who is a role himself, 3600 at most.
CREDENTIALS_S = 1800

#: Characters of a boot (dea_agent.agent): with a ``?`` for each a pattern fits the queues of one host alone, while
#: ``dea-a-*`` would fit those of a host named ``a-b``, too.
BOOT_CHARACTERS = 15

ROLE_ARN = re.compile(r"arn:(aws[a-z-]*):iam::(\d{12}):role/[\w+=,.@/-]{1,576}")

INVITED, EXPIRED, JOINED, REVOKED = "INVITED", "EXPIRED", "JOINED", "REVOKED"


@frozen
class Place:
    """The installation that is joined. role: ARN of the role whose rights all such hosts share."""

    prefix: str
    region: str
    account: str
    role: str


def fault_of_name(name: str) -> str:
    """Why a host cannot be named so; empty when it can."""
    if not NAME.fullmatch(name):
        return "Name must have 2 to 32 lower-case letters, digits and hyphens, and begin with a letter"
    return "Name must not look like an EC2 instance's" if EC2_NAME.fullmatch(name) else ""


def state(kept: str, invited_until: float, now: float) -> str:
    """kept: what the row says. An invitation that nobody took in time has expired."""
    return EXPIRED if kept == INVITED and invited_until <= now else kept


def token_of(name: str, secret: str) -> str:
    """What an invited host shows, once. secret: without a dot."""
    return f"zfjoin.{name}.{secret}"


def name_in(token: str) -> str:
    """Of the host that a token invites; empty for what is no token."""
    kind, _, rest = token.partition(".")
    name, _, secret = rest.partition(".")
    return name if kind == "zfjoin" and secret and not fault_of_name(name) else ""


def session_policy(place: Place, name: str) -> dict[str, Any]:
    """What is left of the role's rights to the credentials of one host: its own queues, and those that all speak on.

    With it a host can neither read nor remove another's queue, nor have a topic sent elsewhere.
    """
    arn = ROLE_ARN.fullmatch(place.role)
    partition = arn[1] if arn else "aws"
    where = f"{place.region}:{place.account}:{place.prefix}-"
    sqs, sns = f"arn:{partition}:sqs:{where}", f"arn:{partition}:sns:{where}"
    own = f"{sqs}dea-{name}-{'?' * BOOT_CHARACTERS}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [
                    "sqs:CreateQueue",
                    "sqs:DeleteMessage",
                    "sqs:DeleteQueue",
                    "sqs:GetQueueAttributes",
                    "sqs:ReceiveMessage",
                    "sqs:SetQueueAttributes",
                ],
                "Resource": own,
            },
            {
                "Effect": "Allow",
                "Action": ["sqs:GetQueueUrl", "sqs:SendMessage"],
                "Resource": [f"{sqs}beats", f"{sqs}cc", f"{sqs}hm"],
            },
            {"Effect": "Allow", "Action": "sns:Publish", "Resource": [f"{sns}components", f"{sns}routes"]},
            {
                "Effect": "Allow",
                "Action": "sns:Subscribe",
                "Resource": [f"{sns}components", f"{sns}dea"],
                "Condition": {"StringEquals": {"sns:Protocol": "sqs"}, "StringLike": {"sns:Endpoint": own}},
            },
            {"Effect": "Allow", "Action": "sns:Unsubscribe", "Resource": "*"},
            # Of queues and topics that the owner's key seals. Which key that is the role says, or none.
            {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*"},
        ],
    }


def settings(place: Place, timers: Timers, more: Mapping[str, str]) -> dict[str, str]:
    """Variables of the agent that are the installation's: where the bus is, and intervals other than a cloud's own.

    more: others, of which empty ones are left out.
    """
    usual = Timers()
    other = {
        variable: f"{getattr(timers, name):g}"
        for variable, name in VARIABLES.items()
        if getattr(timers, name) != getattr(usual, name)
    }
    known = {"ZF_PREFIX": place.prefix, "ZF_ACCOUNT": place.account, "AWS_DEFAULT_REGION": place.region}
    return known | other | {name: value for name, value in more.items() if value}
