"""A stand-in for AWS in this process, and resources with names of their own for each test."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local import aws, cloud, moto_fixes

_names = itertools.count()


@pytest.fixture(scope="session")
def endpoint() -> str:
    """The address of an AWS that lives as long as the tests."""
    moto_fixes.apply()
    return aws.serve_in_thread(aws.Aws(), aws.listen())


@pytest.fixture(scope="session")
def dynamodb(endpoint: str) -> Any:
    return cloud.client("dynamodb", endpoint)


@pytest.fixture(scope="session")
def sqs(endpoint: str) -> Any:
    return cloud.client("sqs", endpoint)


@pytest.fixture(scope="session")
def sns(endpoint: str) -> Any:
    return cloud.client("sns", endpoint)


@pytest.fixture
def name() -> str:
    """A name no other test has."""
    return f"local-{next(_names)}"


@pytest.fixture
def table(dynamodb: Any, name: str) -> Iterator[str]:
    """A table with a hash key ``k`` and a range key ``r``."""
    cloud.make_table(dynamodb, name, {"key": {"hash": ["k", "S"], "range": ["r", "S"]}})
    yield name
    dynamodb.delete_table(TableName=name)
