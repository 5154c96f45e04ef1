"""Components making themselves known (topic ``components``)."""

from chalicelib.contracts.frozen import frozen


@frozen
class Announce:
    """``component.announce``: at boot and in answer to a discover. http: base address of /healthz and /varz."""

    type: str
    id: str
    boot: str
    http: str
    started_at: float
    version: str = "0.1.0"


@frozen
class DiscoverComponents:
    """``component.discover``: everybody announces; DEAs also beat and register in full at once."""

    reason: str = ""
