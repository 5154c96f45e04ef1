import logging
import os
from collections.abc import Iterator

import pytest

from chalicelib.adapters.bus import Bus
from tests.functional.router.cloud import AWS, ControlPlane, Dea, Instance, Router, a_bus, make_topics

# moto's server logs each request.
logging.getLogger("werkzeug").setLevel(logging.ERROR)


@pytest.fixture(scope="module")
def bus() -> Iterator[Bus]:
    with a_bus() as (endpoint, _):
        before = dict(os.environ)
        os.environ.update(AWS, AWS_ENDPOINT_URL=endpoint)
        bus = Bus("test", "zft")
        make_topics(bus)
        yield bus
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    plane = ControlPlane()
    yield plane
    plane.close()


@pytest.fixture(scope="module")
def router(bus: Bus, plane: ControlPlane) -> Iterator[Router]:
    router = Router(plane, bus.prefix)
    try:
        yield router.start()
    finally:
        router.close()


@pytest.fixture
def dea(bus: Bus, plane: ControlPlane, request: pytest.FixtureRequest) -> Dea:
    return Dea(bus, plane, name=f"dea-{request.node.name}")


@pytest.fixture
def instance() -> Iterator[Instance]:
    instance = Instance("one")
    yield instance
    instance.close()
