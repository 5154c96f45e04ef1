"""Workers that die at every point at which it could matter."""

from dataclasses import fields
from typing import Any

from chalicelib.bootstrap import World
from chalicelib.contracts.frozen import frozen
from chalicelib.services import jobs
from chalicelib.tables.unit import Unit
from tests.functional.services.conftest import Services

#: Far more turns than any test's jobs take.
MANY = 400


class Killed(Exception):
    """The worker is gone at this moment."""


@frozen
class Fragile(World):
    """A world in which a worker dies before each of its transactions, and, tried again, right after it."""

    counter: Any = None

    def unit(self, trace: str = "") -> Unit:
        return FragileUnit(self.bus, trace, self.counter)


class FragileUnit(Unit):
    def __init__(self, bus: Any, trace: str, counter: list[int]) -> None:
        super().__init__(bus, trace)
        self.counter = counter

    def commit(self) -> None:
        self.counter[0] += 1
        if self.counter[0] % 2:
            raise Killed
        super().commit()
        raise Killed


class Dying:
    """The jobs function of ``services``, whose workers die again and again and are called again."""

    def __init__(self, services: Services) -> None:
        self._counter = [0]
        given = {field.name: getattr(services.world, field.name) for field in fields(World)}
        self._services, self._world = services, Fragile(**given, counter=self._counter)

    @property
    def deaths(self) -> int:
        return self._counter[0]

    def work(self) -> None:
        """Until no job has anything left to do."""
        for _ in range(MANY):
            envelopes = self._services.cloud.taken("queue:jobs")
            if not envelopes:
                return
            for envelope in envelopes:
                self._run(envelope.read(jobs.RunJob))
        raise AssertionError("jobs go on for ever")

    def _run(self, message: jobs.RunJob) -> None:
        while True:
            try:
                return jobs.run(self._world, message.job_guid, message.turn)
            except Killed:
                continue
