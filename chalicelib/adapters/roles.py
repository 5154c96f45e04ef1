"""STS: credentials of a role for somebody else, for a while."""

import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from botocore.config import Config as BotoConfig

from chalicelib.adapters import aws
from chalicelib.contracts.frozen import frozen

#: The API answers within API Gateway's 29 s, whatever STS does.
CLIENT_CONFIG = BotoConfig(connect_timeout=3, read_timeout=8, retries={"total_max_attempts": 2, "mode": "standard"})


@frozen
class Credentials:
    """expires_in_s: from when they were given; a clock that is wrong does not matter to it."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_in_s: int


def assume(role: str, region: str, session: str, policy: Mapping[str, Any], duration_s: int) -> Credentials:
    """What both the role and ``policy`` allow. session: who it is for, in AWS's own records. Errors are botocore's."""
    answer = aws.client("sts", region, CLIENT_CONFIG).assume_role(
        RoleArn=role,
        RoleSessionName=session,
        Policy=json.dumps(policy, separators=(",", ":")),
        DurationSeconds=duration_s,
    )["Credentials"]
    return Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"], duration_s)
