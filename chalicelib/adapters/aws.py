"""Clients of AWS, all of one botocore session.

Not boto3: it brings its resources and a transfer manager, which nobody here uses and every cold start would pay for.
"""

from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


def client(service: str, region: str, config: Config | None = None) -> Any:
    """A client of ``sqs``, ``s3`` and the like. AWS_ENDPOINT_URL and the credentials are taken from the environment."""
    return _session().create_client(service, region_name=region, config=config)
