"""One of everything, for tests that ask every endpoint."""

import pytest

from chalicelib import bootstrap
from chalicelib.services import listing
from infra.local.gateway import Gateway
from tests.functional.api.whole import Whole, made
from tests.functional.client import Client
from tests.functional.cloud import Cloud


@pytest.fixture(scope="session")
def whole(built_cloud: Cloud, application: Gateway) -> Whole:
    """Made once. Tests put it back with ``whole.restore()``."""
    built_cloud.restore()
    world, org = bootstrap.world(), listing.by_name("orgs", "local")
    assert org
    space = listing.by_name(f"org/{org}/spaces", "dev")
    assert space
    return made(built_cloud, world, Client(application, world), org, space)
