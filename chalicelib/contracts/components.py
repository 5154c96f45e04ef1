"""Components making themselves known (topic ``components``), and what operators have to say to one host."""

from chalicelib.contracts.frozen import frozen

#: Of everything here: one is released with the other.
VERSION = "0.1.0"

#: What a host can be ordered: to be emptied and end, to take nothing more, to take work again.
DRAIN, CORDON, UNCORDON = "drain", "cordon", "uncordon"


@frozen
class Announce:
    """``component.announce``: at boot and in answer to a discover. http: base address of /healthz and /varz."""

    type: str
    id: str
    boot: str
    http: str
    started_at: float
    version: str = VERSION


@frozen
class DiscoverComponents:
    """``component.discover``: everybody announces; DEAs also beat and register in full at once."""

    reason: str = ""


@frozen
class HostOrder:
    """``dea.order``, CC to the queue of one host. order: DRAIN, CORDON, UNCORDON; obeying twice changes nothing.

    boot: the one that is meant; a later boot of the host knows nothing of why the one before it was to go.
    """

    boot: str
    order: str
