"""Where the platform may connect when a user names the place: brokers, buildpacks, log drains. Pure.

A name is looked up once, all that it stands for is judged, and the connection goes to an address that was judged.
What is not public (loopback, private and link-local networks, the metadata services of clouds) is refused unless
the operator's list, ``ZF_ALLOWED_ADDRESSES``, names it: ``10.20.0.0/16,127.0.0.1,broker.internal,*.apps.example.com``.
"""

import ipaddress
from collections.abc import Iterable, Iterator

from chalicelib.contracts.frozen import frozen

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: The variable that both the control plane and the DEAs read.
VARIABLE = "ZF_ALLOWED_ADDRESSES"

#: Public by their number, but answered by the cloud's own host: Azure's wire server.
INSIDE = frozenset({ipaddress.ip_address("168.63.129.16")})

#: IPv6 addresses that carry an IPv4 one: NAT64 has it at the end, 6to4 and Teredo have properties of their own.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
COMPATIBLE = ipaddress.IPv6Network("::/96")


class AddressRefused(ValueError):
    """The platform does not connect to there. The text is for the user and tells no address of the inside."""


@frozen
class Allowed:
    """What the operator lets through. hosts: names in lower case, ``*.example.com`` for all below."""

    networks: tuple[Network, ...] = ()
    hosts: tuple[str, ...] = ()

    @staticmethod
    def parse(text: str) -> "Allowed":
        """Networks, addresses and names, separated by commas. Raises ValueError for a network that is none."""
        networks: list[Network] = []
        hosts: list[str] = []
        for item in filter(None, (part.strip().lower() for part in text.split(","))):
            try:
                networks.append(ipaddress.ip_network(item))
            except ValueError:
                if "/" in item or ":" in item or item[-1].isdigit():
                    raise ValueError(f"{VARIABLE}: {item!r} is neither a network nor a host name") from None
                hosts.append(item)
        return Allowed(tuple(networks), tuple(hosts))

    @property
    def text(self) -> str:
        """As it can be parsed again."""
        return ",".join((*map(str, self.networks), *self.hosts))

    def names(self, host: str) -> bool:
        """Whether the operator vouches for a host, wherever its name leads."""
        name = host.lower().rstrip(".")
        return any(name == known or (known.startswith("*.") and name.endswith(known[1:])) for known in self.hosts)

    def holds(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self.networks)


def chosen(host: str, found: Iterable[str], allowed: Allowed) -> str:
    """Of the addresses that ``host`` was resolved to, the one to connect to: the first. Raises AddressRefused.

    One that is refused refuses them all: a name that leads inside as well as outside is no accident.
    """
    addresses = [ipaddress.ip_address(item.partition("%")[0]) for item in found]
    if not addresses:
        raise AddressRefused(f"{host} cannot be resolved")
    if not allowed.names(host):
        for address in addresses:
            if not allowed.holds(address) and not is_public(address):
                raise AddressRefused(f"{host} is not a public address, and the operator has not allowed it")
    return str(addresses[0])


def is_public(address: Address) -> bool:
    """Whether it is somewhere in the internet, and so are the addresses that it may be translated to."""
    return all(item.is_global and not item.is_multicast and item not in INSIDE for item in (address, *_within(address)))


def _within(address: Address) -> Iterator[Address]:
    """IPv4 addresses in an IPv6 one."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address in LOCAL_NAT64:
        yield ipaddress.IPv4Address("127.0.0.1")  # of a translator inside, whatever it translates to
    if address in NAT64 or address in COMPATIBLE:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    for inner in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())):
        if inner is not None:
            yield inner
