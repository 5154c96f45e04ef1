"""Where an instance may connect to, as its run specification carries it."""

from chalicelib.contracts.frozen import frozen


@frozen
class Egress:
    """What one rule of a security group opens. protocol: tcp, udp, icmp, icmpv6 or all.

    destinations: networks, addresses, or ranges like ``10.0.0.1-10.0.0.9``. ports: ``80``, ``80,443`` or ``8000-8999``,
    of tcp and udp. type, code: of icmp, -1 for any. log: the host's kernel notes each new connection.
    """

    protocol: str
    destinations: tuple[str, ...]
    ports: str = ""
    type: int = -1
    code: int = -1
    log: bool = False


@frozen
class PolicyTo:
    """The app's instances may connect to those of ``destination``, an app's guid, at ports ``start`` to ``end`` of
    their own. protocol: tcp or udp."""

    destination: str
    protocol: str
    start: int
    end: int
