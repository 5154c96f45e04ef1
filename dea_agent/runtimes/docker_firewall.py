"""The rules of one bridge's instances in the host's packet filter: a chain for each instance, and one that leads there.

All chains are written in one step from what is known here, so half of a change is never in force, and what was known
of an instance that has gone goes with it. What a container sends that is not known
yet is dropped.
"""

import hashlib
import threading
from collections.abc import Iterable, Iterator, Mapping

from dea_agent.runtimes import docker_egress, iptables
from dea_agent.runtimes.docker_egress import REJECT as REJECTED
from dea_agent.runtimes.firewall import ACCEPT, ANY, PASS, REJECT, Guest, Rule, rules

#: Words of the packet filter for what a rule decides. RETURN leaves it to the engine's own rules, which let out.
VERDICTS = {ACCEPT: "-j ACCEPT", PASS: "-j RETURN", REJECT: REJECTED}

#: Notes in the kernel's log, at most so many a second: an app shall not fill it.
LOGGED = "-m conntrack --ctstate NEW -m limit --limit 10/second -j LOG --log-prefix"


def lead(bridge: str) -> str:
    """Name of the chain for all that containers of the bridge begin."""
    return docker_egress.chains(bridge)[0]


def chain(bridge: str, guid: str) -> str:
    """Name of an instance's; at most 28 letters as the packet filter wants it."""
    return f"{bridge}-{hashlib.blake2b(guid.encode(), digest_size=6).hexdigest()}"


def matches(bridge: str, rule: Rule) -> str:
    """The rule without its verdict, in words of the packet filter."""
    words = [f"-o {bridge}"] if rule.is_inside else []
    if "-" in rule.destination:
        words.append(f"-m iprange --dst-range {rule.destination}")
    elif rule.destination:
        words.append(f"-d {rule.destination}")
    if rule.protocol:
        words.append(f"-p {rule.protocol}")
    if rule.ports:
        listed = ",".join(str(first) if first == last else f"{first}:{last}" for first, last in rule.ports)
        words.append(f"-m multiport --dports {listed}")
    if rule.protocol == "icmp" and rule.type != ANY:
        words.append(f"-m icmp --icmp-type {rule.type}" + (f"/{rule.code}" if rule.code != ANY else ""))
    return " ".join(words)


def in_words(bridge: str, guest: Guest, rule: Rule) -> Iterator[str]:
    """Of the packet filter, for each of its rules that this one takes."""
    text = matches(bridge, rule)
    if rule.log:
        yield f'{text} {LOGGED} "zf-{guest.guid[:8]} "'
    yield f"{text} {VERDICTS[rule.verdict]}"


def table(bridge: str, guests: Iterable[Guest], resolvers: Iterable[str], stale: Iterable[str]) -> str:
    """As iptables-restore reads it. stale: chains of the bridge that are there, as far as they are not guests'."""
    known, servers, first = list(guests), list(resolvers), lead(bridge)
    lines = ["*filter", f":{first} - [0:0]", *(f":{chain(bridge, guest.guid)} - [0:0]" for guest in known)]
    lines.append(f"-A {first} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN")
    for guest in known:
        own = chain(bridge, guest.guid)
        lines.append(f"-A {first} -s {guest.address}/32 -g {own}")
        for rule in rules(guest, known, servers):
            lines += [f"-A {own} {words}" for words in in_words(bridge, guest, rule)]
    lines.append(f"-A {first} -j DROP")  # not refused: who begins a moment too early tries again by itself
    gone = set(stale) - {first, *(chain(bridge, guest.guid) for guest in known)}
    return "\n".join(
        [*lines, *(f"-F {name}" for name in sorted(gone)), *(f"-X {name}" for name in sorted(gone)), "COMMIT", ""]
    )


class Firewall:
    """May be used by several threads. Raises FirewallError."""

    def __init__(self, bridge: str) -> None:
        self._bridge = bridge
        self._guests: dict[str, Guest] = {}
        self._lock = threading.Lock()

    def know(self, guest: Guest) -> None:
        """Of one that was here before; its rules are in force already, :meth:`write` puts them in order."""
        with self._lock:
            self._learn(guest)

    def admit(self, guest: Guest) -> None:
        """Its rules are in force when this returns."""
        with self._lock:
            self._learn(guest)
            self._write()

    def _learn(self, guest: Guest) -> None:
        """An address is given to others once its holder has gone."""
        kept: Mapping[str, Guest] = {
            guid: known for guid, known in self._guests.items() if known.address != guest.address
        }
        self._guests = {**kept, guest.guid: guest}

    def forget(self, guid: str) -> None:
        with self._lock:
            if self._guests.pop(guid, None):
                self._write()

    def write(self) -> None:
        with self._lock:
            self._write()

    def begin(self) -> None:
        """As :meth:`write`; but rules that a former agent left stay, until its instances are known."""
        with self._lock:
            if self._guests or lead(self._bridge) not in self._chains():
                self._write()

    def remove(self) -> None:
        """When nothing leads there any more."""
        with self._lock:
            names = self._chains()
            iptables.restore(
                "\n".join(
                    ["*filter", *(f"-F {name}" for name in names), *(f"-X {name}" for name in names), "COMMIT", ""]
                )
            )

    def _write(self) -> None:
        servers = docker_egress.resolvers_here()
        iptables.restore(table(self._bridge, self._guests.values(), servers, self._chains()))

    def _chains(self) -> list[str]:
        return [name for name in iptables.chains() if name.startswith(f"{self._bridge}-")]
