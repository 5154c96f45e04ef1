"""Where builds may connect: public places, what the operator allows, and the host's name servers. A bridge of their
own, because what a build needs (registries, mirrors) an app need not be able to reach.

The rules stand in two chains of the bridge's own, which are filled in one step: a half-written one is never in force.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from pathlib import Path

from chalicelib.adapters.outside import addresses
from chalicelib.core.addresses import INSIDE, AddressRefused, Allowed
from dea_agent.runtimes import iptables

#: Where clouds give out the credentials of their hosts.
LINK_LOCAL = "169.254.0.0/16"
INSIDE_HOSTS = tuple(f"{address}/32" for address in sorted(INSIDE, key=str))

#: What is not the internet (RFC 6890): private and shared networks, link-local addresses with the metadata service,
#: loopback, multicast and what is reserved.
NOT_PUBLIC = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    LINK_LOCAL,
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
    *INSIDE_HOSTS,
)

#: Where a host's name servers stand; the second names the real ones where the first is a relay on loopback.
RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))

REJECT = "-j REJECT --reject-with icmp-admin-prohibited"


def chains(bridge: str) -> tuple[str, str]:
    """Names of the chains for what passes through this host and for what comes to it."""
    return f"{bridge}-out", f"{bridge}-in"


def table(bridge: str, resolvers: Iterable[str], allowed: Iterable[str], opened: Iterable[str] = ()) -> str:
    """As iptables-restore reads it. resolvers: addresses; allowed: addresses and networks, IPv4 both. opened: what
    single builds may besides, in the packet filter's words; credentials of the host are not among it."""
    out, to_us = chains(bridge)
    lines = ["*filter", f":{out} - [0:0]", f":{to_us} - [0:0]"]
    lines.append(f"-A {to_us} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
    open_to = [f"-d {address} -p {kind} --dport 53" for address in resolvers for kind in ("udp", "tcp")]
    for place in (*open_to, *(f"-d {address}" for address in allowed)):
        lines += [f"-A {out} {place} -j RETURN", f"-A {to_us} {place} -j ACCEPT"]
    lines += [f"-A {out} -d {network} {REJECT}" for network in (LINK_LOCAL, *INSIDE_HOSTS)]
    lines += [f"-A {out} {place}" for place in opened]
    lines += [f"-A {out} -d {network} {REJECT}" for network in NOT_PUBLIC]
    return "\n".join((*lines, f"-A {to_us} {REJECT}", "COMMIT", ""))


def jumps(bridge: str, forwarded: str, to_us: str) -> list[tuple[str, ...]]:
    """The rules that lead to them."""
    return [(forwarded, "-i", bridge, "-j", chains(bridge)[0]), (to_us, "-i", bridge, "-j", chains(bridge)[1])]


def fill(bridge: str, allowed: Allowed, opened: Iterable[str] = ()) -> None:
    """Write the chains; see :func:`table`. Names that the operator allows are looked up here. Raises FirewallError."""
    known = [str(network) for network in allowed.networks if network.version == 4]
    known += [address for host in allowed.hosts if "*" not in host for address in _looked_up(host)]
    iptables.restore(table(bridge, resolvers_here(), known, opened))


def resolvers_here() -> list[str]:
    """This host's."""
    return resolvers(path.read_text() for path in RESOLVERS if path.exists())


def _looked_up(host: str) -> Iterator[str]:
    try:
        yield from (found for found in addresses(host, 443) if ":" not in found)
    except AddressRefused:
        return


def resolvers(texts: Iterable[str]) -> list[str]:
    """IPv4 name servers that a container can be sent to. texts: of resolv.conf."""
    words = [line.split() for text in texts for line in text.splitlines()]
    found = [line[1] for line in words if len(line) == 2 and line[0] == "nameserver" and ":" not in line[1]]
    return [address for address in dict.fromkeys(found) if not ipaddress.ip_address(address).is_loopback]
