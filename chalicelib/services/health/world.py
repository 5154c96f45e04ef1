"""What the HealthManager reaches outside through. It has no keys and no blobs: there is no secret in its world."""

from collections.abc import Callable, Collection
from functools import cache
from typing import Any

from chalicelib.adapters.bus import Bus
from chalicelib.adapters.hosts import Hosts
from chalicelib.config import Config, from_env
from chalicelib.contracts.frozen import frozen
from chalicelib.contracts.health import HmPing
from chalicelib.core.timers import Timers


@frozen
class HealthWorld:
    """hosts_gone: of some host ids, those of which the cloud says that they do not run."""

    config: Config
    bus: Bus
    hosts_gone: Callable[[Collection[str]], set[str]]

    @property
    def timers(self) -> Timers:
        return self.config.timers

    def complain(self, subject: str, body: Any, trace: str = "", delay_s: float = 0) -> None:
        """Tell CC. The only way in which HM changes anything but its own tables."""
        self.bus.say("queue:cc", subject, body, trace, delay_s)

    def ping(self, now: float, delay_s: float = 0) -> None:
        """A message to ourselves, due in ``delay_s``."""
        self.bus.say("queue:hm", "hm.ping", HmPing(now + delay_s), delay_s=delay_s)


def make(config: Config) -> HealthWorld:
    bus = Bus("hm", config.prefix, config.region, config.account)
    return HealthWorld(config, bus, Hosts(config.region).gone)


@cache
def world() -> HealthWorld:
    """HM's world, configured by the environment. Kept by the function."""
    return make(from_env())
