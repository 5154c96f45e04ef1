"""What routers hear of this host: deltas at once and in order, and the full list as often as anybody may need it."""

import asyncio
import json
from collections.abc import Iterator

from chalicelib.contracts.codec import to_json
from chalicelib.contracts.heartbeat import RUNNING
from chalicelib.contracts.routing import Endpoint, Register, Unregister
from dea_agent.messenger import ROUTES, Messenger
from dea_agent.registry import Instance, Registry

#: Bytes of endpoints in one message; the envelope around it takes some of the bus's 256 KiB.
MESSAGE_BYTES = 240_000


class Registrar:
    """``host``: address at which routers reach the instances. The sequence starts anew with each boot."""

    def __init__(self, messenger: Messenger, registry: Registry, host: str, register_s: float) -> None:
        self._messenger, self._registry, self._host, self._register_s = messenger, registry, host, register_s
        self._seq = 0
        self._asked = asyncio.Event()

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    def _endpoint(self, instance: Instance) -> Endpoint:
        return Endpoint(
            instance_guid=instance.instance_guid,
            app_guid=instance.app_guid,
            process_guid=instance.process_guid,
            version=instance.version,
            index=instance.index,
            host=self._host,
            port=instance.port,
            routes=instance.routes if instance.ready else (),
            routes_version=instance.routes_version,
            grant=instance.route_grant,
            ports=instance.ports,
        )

    def register(self, instance: Instance) -> None:
        """A healthy instance, or one whose routes changed; one that is not ready is known but has no routes."""
        endpoints = (self._endpoint(instance),)
        message = Register(self._messenger.dea, self._messenger.boot, self._next(), False, endpoints)
        self._messenger.promise(ROUTES, "router.register", message)

    def unregister(self, *guids: str) -> None:
        """For good: routers never take these guids back."""
        message = Unregister(self._messenger.dea, self._messenger.boot, self._next(), guids)
        self._messenger.promise(ROUTES, "router.unregister", message)

    def ask(self) -> None:
        """A full registration as soon as possible."""
        self._asked.set()

    async def register_all(self) -> None:
        """The full list, in parts when it is too long for a message. All of them have the seq of the moment in which
        the list was made, so that what is said in between is newer."""
        running = [i for i in self._registry.in_state(RUNNING) if i.registered]
        split = list(parts([self._endpoint(instance) for instance in running]))
        seq, count = self._next(), len(split)
        for number, endpoints in enumerate(split):
            message = Register(
                self._messenger.dea, self._messenger.boot, seq, count == 1, endpoints, part=number, parts=count
            )
            await self._messenger.attempt(ROUTES, "router.register", message)

    async def run(self) -> None:
        while True:
            self._asked.clear()
            await self.register_all()
            try:
                await asyncio.wait_for(self._asked.wait(), self._register_s)
            except TimeoutError:
                continue


def parts(endpoints: list[Endpoint]) -> Iterator[tuple[Endpoint, ...]]:
    """At least one part; each within MESSAGE_BYTES."""
    part: list[Endpoint] = []
    size = 0
    for endpoint in endpoints:
        length = len(json.dumps(to_json(endpoint)))
        if part and size + length > MESSAGE_BYTES:
            yield tuple(part)
            part, size = [], 0
        part.append(endpoint)
        size += length
    yield tuple(part)
