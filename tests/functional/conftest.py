"""Fixtures of the functional tests: a cloud, the control plane's world in it, and callers of its API."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from chalicelib import bootstrap
from chalicelib.bootstrap import World
from chalicelib.services import bootstrap as first_steps
from chalicelib.services import listing
from chalicelib.tables.connection import shared
from infra.local.gateway import Gateway
from tests.functional.client import Client
from tests.functional.cloud import Cloud

ADMIN_PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="session")
def built_cloud() -> Iterator[Cloud]:
    """Built once per run, with what a bootstrap makes: admin, org ``local``, space ``dev``, domain ``localhost``."""
    cloud = Cloud()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", cloud.endpoint)
        cloud.build()
        first_steps.bootstrap(bootstrap.world(), ADMIN_PASSWORD, domain="localhost", org="local", space="dev")
        cloud.remember()
        yield cloud


@pytest.fixture
def cloud(built_cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """The cloud as it was after the bootstrap. ``cloud.taken("topic:dea")`` is what was said since."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", built_cloud.endpoint)
    built_cloud.restore()
    return built_cloud


@pytest.fixture
def world(cloud: Cloud) -> World:
    """The CloudController's world. HM's is made by ``bootstrap.make(world.config, "hm")``."""
    return bootstrap.world()


@pytest.fixture(scope="session")
def application(built_cloud: Cloud) -> Gateway:
    from app import app

    return Gateway(app)


@pytest.fixture
def api(application: Gateway, world: World) -> Client:
    """An anonymous caller; ``api.admin`` and ``api.user("dora", space_developer=space)`` are others."""
    return Client(application, world)


@pytest.fixture
def org(world: World) -> str:
    """The guid of the bootstrap's organization."""
    guid = listing.by_name("orgs", "local")
    assert guid
    return guid


@pytest.fixture
def space(org: str) -> str:
    """The guid of the bootstrap's space."""
    guid = listing.by_name(f"org/{org}/spaces", "dev")
    assert guid
    return guid


@pytest.fixture
def domain(world: World) -> str:
    """The guid of the shared domain."""
    guid = listing.by_name("domains", "localhost")
    assert guid
    return guid


@pytest.fixture
def counting(world: World) -> Callable[[], AbstractContextManager[Counter[str]]]:
    """``with counting() as calls:`` counts the DynamoDB calls by their names."""

    @contextmanager
    def count() -> Iterator[Counter[str]]:
        calls: Counter[str] = Counter()

        def called(model: object, **_: object) -> None:
            calls[getattr(model, "name", "")] += 1

        events = shared().client.meta.events
        events.register("before-call.dynamodb", called)
        try:
            yield calls
        finally:
            events.unregister("before-call.dynamodb", called)

    return count
