from collections.abc import Iterator

import pytest

from tests.functional.dea_agent.world import Dea, World, moto


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    server = moto()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def world(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    world = World(endpoint).open()
    yield world
    world.close()


@pytest.fixture
def dea(world: World) -> Dea:
    return world.dea()
