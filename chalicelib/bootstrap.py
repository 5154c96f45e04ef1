"""The one place where the control plane's parts are put together. Made at first use, then kept by the function."""

from functools import cache

from chalicelib.adapters.blobs import Blobs
from chalicelib.adapters.bus import Bus
from chalicelib.adapters.keys import Keys
from chalicelib.config import Config, from_env
from chalicelib.contracts.frozen import frozen
from chalicelib.tables.unit import Unit


@frozen
class World:
    """What services reach outside through. Tests make their own with :func:`make`."""

    config: Config
    bus: Bus
    blobs: Blobs
    keys: Keys

    def unit(self, trace: str = "") -> Unit:
        """A new unit of work whose messages carry ``trace``."""
        return Unit(self.bus, trace, self.keys.sign)


def make(config: Config, sender: str) -> World:
    """``sender``: who the messages say they are from, ``cc`` or ``hm``."""
    return World(
        config=config,
        bus=Bus(sender, config.prefix, config.region, config.account),
        blobs=Blobs(config.bucket, config.region),
        keys=Keys(config.prefix, config.region),
    )


@cache
def world() -> World:
    """The CloudController's world, configured by the environment."""
    return make(from_env(), "cc")
