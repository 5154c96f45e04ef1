"""`zf` against the API itself on loopback; a thread does what queues, brokers' pollers and DEAs do elsewhere."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.services import rollouts
from infra.local.gateway import Gateway
from tests.functional import conftest as functional
from tests.functional.apps import conftest as apps
from tests.functional.deployments import conftest as deployments
from tests.functional.deployments.conftest import Show
from tests.functional.services import conftest as brokers
from tests.functional.services.conftest import Services
from tests.functional.serving import serving

from ..conftest import Zf

# The cloud of the folder above is the fake one.
cloud = functional.cloud
world, broker, services = brokers.world, brokers.broker, brokers.services
stage, show = apps.stage, deployments.show

#: Between two looks at what there is to be done.
TICK_S = 0.02


@pytest.fixture(scope="session")
def address(application: Gateway) -> Iterator[str]:
    """Where the API listens."""
    with serving(application) as address:
        yield address


class Hands(threading.Thread):
    """Does jobs, has all places of `apps` serve, moves deployments, and ends the tasks whose names are `doomed`."""

    def __init__(self, services: Services, show: Show) -> None:
        super().__init__(daemon=True)
        self._services, self._show = services, show
        self._stopping = threading.Event()
        self.apps: list[str] = []
        self.doomed: set[str] = set()
        self.problem: Exception | None = None

    def run(self) -> None:
        try:
            while not self._stopping.wait(TICK_S):
                self._services.work()
                for app in filter(self._show.webs, self.apps):  # until it is deleted
                    self._show.serve(app)
                rollouts.sweep(self._services.world)
                if self.doomed:
                    self._doom()
        except Exception as error:  # whatever it is, the test shall end with it
            self.problem = error

    def _doom(self) -> None:
        api = self._services.api.admin
        for task in api.get("/v3/tasks", states="PENDING,RUNNING", names=",".join(self.doomed)).json["resources"]:
            api.post(f"/v3/tasks/{task['guid']}/actions/cancel")

    def stop(self) -> None:
        self._stopping.set()
        self.join(10)
        assert self.problem is None, self.problem


@pytest.fixture
def hands(services: Services, show: Show) -> Iterator[Hands]:
    thread = Hands(services, show)
    thread.start()
    yield thread
    thread.stop()


@pytest.fixture
def real(zf: Zf, hands: Hands, address: str, home: Path) -> Zf:
    """`zf`, logged in as the administrator with org local and space dev targeted."""
    ran = zf("login", "-a", address, "-u", "admin", "-p", functional.ADMIN_PASSWORD)
    assert ran.status == 0, ran.err
    return zf
