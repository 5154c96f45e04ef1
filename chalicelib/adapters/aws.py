"""Clients of AWS, all of one botocore session.

Not boto3: it brings its resources and a transfer manager, which nobody here uses and every cold start would pay for.
"""

from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.credentials import CredentialProvider, Credentials


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


class _Given(CredentialProvider):  # type: ignore[misc]
    """What somebody else takes care of."""

    METHOD = CANONICAL_NAME = "given"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        return self._credentials


def use(credentials: Credentials) -> None:
    """Have all clients sign with these, whatever the environment has. To be called before the first client is made."""
    _session().get_component("credential_provider").insert_before("env", _Given(credentials))


def client(service: str, region: str, config: Config | None = None) -> Any:
    """A client of ``sqs``, ``s3`` and the like. AWS_ENDPOINT_URL and the credentials are taken from the environment."""
    return _session().create_client(service, region_name=region, config=config)
