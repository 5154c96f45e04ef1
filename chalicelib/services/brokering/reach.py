"""How a broker is reached: its URL, its credentials, who stands behind a call."""

from chalicelib.adapters import osb as wire
from chalicelib.adapters.osb import Endpoint
from chalicelib.bootstrap import World
from chalicelib.core.errors import BrokerError
from chalicelib.core.osb import Call, Reply
from chalicelib.services import listing, secrets
from chalicelib.tables.services import Operated, ServiceBroker


def endpoint(world: World, broker_guid: str, trace: str = "") -> Endpoint:
    """Raises BrokerError when the broker is gone."""
    broker = listing.find(ServiceBroker, broker_guid)
    if broker is None:
        raise BrokerError("The service broker is gone.", "ServiceBrokerApiUnreachable")
    return at(world, str(broker.url), secrets.read(world, broker_guid), trace)


def at(world: World, url: str, credentials: dict[str, str], trace: str = "") -> Endpoint:
    """credentials: username and password."""
    config = world.config
    return Endpoint(
        url=url,
        username=credentials.get("username", ""),
        password=credentials.get("password", ""),
        allowed=config.allowed_addresses,
        own=(config.domain, config.port, config.api_host),
        api_url=config.api_url,
        timeout_s=config.timers.broker_timeout_s,
        trace=trace,
    )


def send(world: World, row: Operated, call: Call) -> Reply:
    """Ask the broker of ``row`` something that makes nothing."""
    return wire.send(endpoint(world, str(row.broker_guid), row.pending.get("trace", "")), call)
