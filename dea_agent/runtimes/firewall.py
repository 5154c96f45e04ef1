"""Where containers may connect: of each instance a list of rules, found from what its app may and who else is here.

Pure; :mod:`dea_agent.runtimes.docker_firewall` puts them into the host's packet filter. Public addresses are open,
private ones shut but for what security groups open, and other containers but for what network policies open. What
gives out the host's credentials is shut whatever anybody says.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from chalicelib.contracts.frozen import frozen
from chalicelib.contracts.network import Egress, PolicyTo
from dea_agent.runtimes.docker_egress import INSIDE_HOSTS, LINK_LOCAL, NOT_PUBLIC

#: ACCEPT: to another container. PASS: out, as far as the engine's own rules have nothing against it.
ACCEPT, PASS, REJECT = "ACCEPT", "PASS", "REJECT"

#: Ports that one rule of the packet filter can name; a range counts twice.
MOST_PORTS = 15

ANY = -1


@frozen
class Guest:
    """An instance and its address on the bridge."""

    guid: str
    app_guid: str
    address: str
    egress: tuple[Egress, ...] = ()
    policies: tuple[PolicyTo, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of packets that it matches; empty matches all. The first that matches counts.

    destination: a network, or a range ``10.0.0.1-10.0.0.9``. is_inside: among the containers of the bridge, which is
    where packets go however they are addressed. ports: (first, last) each. type, code: of ICMP, ANY for any.
    log: new connections are noted.
    """

    verdict: str
    destination: str = ""
    is_inside: bool = False
    protocol: str = ""
    ports: tuple[tuple[int, int], ...] = ()
    type: int = ANY
    code: int = ANY
    log: bool = False


def rules(guest: Guest, guests: Iterable[Guest], resolvers: Iterable[str]) -> list[Rule]:
    """Of all that ``guest`` begins. guests: all of the bridge. resolvers: the host's name servers."""
    return [
        *_to_guests(guest, guests),
        Rule(REJECT, is_inside=True),
        *(Rule(REJECT, network) for network in (LINK_LOCAL, *INSIDE_HOSTS)),
        *(Rule(PASS, f"{server}/32", protocol=kind, ports=((53, 53),)) for server in resolvers for kind in UDP_TCP),
        *opened(guest.egress),
        *(Rule(REJECT, network) for network in NOT_PUBLIC),
    ]


UDP_TCP = ("udp", "tcp")


def _to_guests(guest: Guest, guests: Iterable[Guest]) -> Iterator[Rule]:
    here = list(guests)
    for policy in guest.policies:
        for other in here:
            if other.app_guid == policy.destination and other.address != guest.address:
                ports = ((policy.start, policy.end),)
                yield Rule(ACCEPT, f"{other.address}/32", is_inside=True, protocol=policy.protocol, ports=ports)


def opened(egress: Iterable[Egress]) -> Iterator[Rule]:
    """Of security groups."""
    return (rule for one in egress for rule in _opened(one))


def _opened(egress: Egress) -> Iterator[Rule]:
    """IPv4 only: there is no other on the bridge."""
    if egress.protocol == "icmpv6":
        return
    protocol = "" if egress.protocol == "all" else egress.protocol
    for destination in egress.destinations:
        if ":" in destination:
            continue
        place = destination if "-" in destination else str(ipaddress.IPv4Network(destination, strict=False))
        for ports in _portions(to_ports(egress.ports)) or [()]:
            yield Rule(PASS, place, False, protocol, ports, egress.type, egress.code, egress.log)


def to_ports(text: str) -> list[tuple[int, int]]:
    """``80,443`` or ``8000-8999``; nothing for nothing."""
    parts = (part.partition("-") for part in text.split(",") if part)
    return [(int(first), int(last or first)) for first, _, last in parts]


def _portions(ports: Sequence[tuple[int, int]]) -> list[tuple[tuple[int, int], ...]]:
    """As few as hold them all, none too large for one rule."""
    half = MOST_PORTS // 2
    return [tuple(ports[i : i + half]) for i in range(0, len(ports), half)]
