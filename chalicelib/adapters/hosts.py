"""What the cloud says of hosts: EC2, asked when many are silent at once. Elsewhere there is nobody to ask."""

import logging
import re
from collections.abc import Collection
from functools import cached_property
from typing import Any

from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters import aws

log = logging.getLogger(__name__)

EC2_ID = re.compile(r"i-[0-9a-f]{8,17}")
#: Values that one filter of DescribeInstances takes.
FILTER_VALUES = 200
#: Of an instance that still runs, or is about to.
ALIVE = {"pending", "running"}


class Hosts:
    """A DEA's id is its EC2 instance id in the public cloud; any other id is unknown to the cloud."""

    def __init__(self, region: str) -> None:
        self._region = region

    @cached_property
    def _ec2(self) -> Any:
        # Made late: EC2's service model is the largest of all, and nearly no function run needs it.
        config = BotoConfig(connect_timeout=3, read_timeout=5, retries={"max_attempts": 2, "mode": "standard"})
        return aws.client("ec2", self._region, config)

    def gone(self, ids: Collection[str]) -> set[str]:
        """Those of which the cloud says that they do not run. None, when it does not answer."""
        known = sorted(one for one in ids if EC2_ID.fullmatch(one))
        try:
            return {
                one
                for start in range(0, len(known), FILTER_VALUES)
                for one in self._gone(known[start : start + FILTER_VALUES])
            }
        except (BotoCoreError, ClientError) as error:
            log.warning("EC2 does not say which hosts run: %s", error)
            return set()

    def _gone(self, ids: list[str]) -> set[str]:
        pages = self._ec2.get_paginator("describe_instances").paginate(Filters=[{"Name": "instance-id", "Values": ids}])
        alive = {
            instance["InstanceId"]
            for page in pages
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
            if instance["State"]["Name"] in ALIVE
        }
        # EC2 forgets a terminated instance after a while, so one that it does not list is gone, too.
        return set(ids) - alive
