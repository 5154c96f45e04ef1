"""The network of one agent's containers: one bridge without traffic among them, and what they cannot reach.

One bridge for all, because address pools run out when each instance has its own. The rules stand in the host's packet
filter, so they hold whatever an app does, and outlive both the agent and the engine:

- nothing at link-local addresses, above all not the metadata service (169.254.169.254), which gives out the host's
  credentials;
- nothing at private addresses but what security groups open, and no other container but those that network policies
  open (:mod:`dea_agent.runtimes.docker_firewall`);
- nothing on this host itself, at whichever of its addresses: agents, the engine, other apps' ports. Answers to what
  the host asked (health checks, routers) pass.
"""

import hashlib
import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from chalicelib.core.addresses import Allowed
from dea_agent.runtimes import docker_egress, firewall, iptables
from dea_agent.runtimes.docker_egress import LINK_LOCAL
from dea_agent.runtimes.docker_firewall import Firewall, in_words
from dea_agent.runtimes.firewall import Guest
from dea_agent.runtimes.iptables import FirewallError

log = logging.getLogger(__name__)

#: Chain that the engine keeps for rules of others, ahead of its own, and never empties.
FORWARDED, TO_US = "DOCKER-USER", "INPUT"


def interface(owner: str) -> str:
    """Name of the bridge, at most 15 letters as the kernel wants it."""
    return f"zf-{hashlib.blake2b(owner.encode(), digest_size=4).hexdigest()}"


def rules(bridge: str) -> list[tuple[str, ...]]:
    """(chain, words of the rule...), the first to match last, because each is put before the others."""
    return [
        (FORWARDED, "-i", bridge, "-d", LINK_LOCAL, "-j", "REJECT", "--reject-with", "icmp-admin-prohibited"),
        (TO_US, "-i", bridge, "-j", "REJECT", "--reject-with", "icmp-admin-prohibited"),
        (TO_US, "-i", bridge, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"),
    ]


class Bridge:
    """name: of the engine's network. labels: mark it as the agent's and the cloud's. allowed: for builds, where they
    may connect besides public places; None for apps."""

    def __init__(self, client: Any, name: str, labels: dict[str, str], allowed: Allowed | None = None) -> None:
        self._client, self._labels, self._allowed = client, labels, allowed
        self.name, self.interface = name, interface(name)
        self.firewall, self._is_walled = Firewall(self.interface), False
        self._builds, self._lock = dict[str, Guest](), threading.Lock()

    def ensure(self) -> None:
        """Network and rules are there; may be called again. Raises FirewallError, and what docker-py raises."""
        if not self._client.networks.list(names=[f"^{self.name}$"]):
            self._client.networks.create(
                self.name,
                driver="bridge",
                check_duplicate=True,
                labels=self._labels,
                options={
                    "com.docker.network.bridge.name": self.interface,
                    "com.docker.network.bridge.enable_icc": "false",
                },
            )
        if os.geteuid() == 0:
            self._write_rules()
            self._is_walled = True
        else:
            log.warning("containers can reach this host and 169.254.169.254: only root can write the rules against it")

    def _write_rules(self) -> None:
        jumps = docker_egress.jumps(self.interface, FORWARDED, TO_US)
        if self._allowed is None:
            self.firewall.begin()
            jumps = [*jumps[:1], *rules(self.interface)]
        else:
            with self._lock:
                docker_egress.fill(self.interface, self._allowed, self._opened())
        for rule in jumps:
            write(rule)

    def admit(self, guest: Guest) -> None:
        """Before anything of it runs. Raises FirewallError."""
        if self._allowed is None and self._is_walled:
            self.firewall.admit(guest)
        elif self._is_walled and guest.egress:
            self._builds[guest.guid] = guest
            self._write_rules()

    def _opened(self) -> list[str]:
        """What security groups open for single builds."""
        return [
            f"-s {guest.address}/32 {words}"
            for guest in list(self._builds.values())
            for rule in firewall.opened(guest.egress)
            for words in in_words(self.interface, guest, rule)
        ]

    def dismiss(self, guid: str) -> None:
        """What is left of its rules goes with the next change, if not now."""
        if self._allowed is None:
            self._try(lambda: self.firewall.forget(guid))
        elif self._builds.pop(guid, None):
            self._try(self._write_rules)

    def renew(self) -> None:
        """The rules are those of who is known now."""
        self._try(self.firewall.write)

    def _try(self, change: Callable[[], None]) -> None:
        try:
            if self._is_walled:
                change()
        except FirewallError as problem:
            log.error("the rules of %s are not as they should be: %s", self.interface, problem)

    def remove(self) -> None:
        for network in self._client.networks.list(names=[f"^{self.name}$"]):
            remove(network)


def write(rule: tuple[str, ...]) -> None:
    """Put it first in its chain if it is not in it, and see that it is."""
    if iptables.change("-C", *rule) is None:
        return
    problem = iptables.change("-I", *rule) or iptables.change("-C", *rule)
    if problem is not None:
        raise FirewallError(f"the firewall does not take the rule {' '.join(rule)}: {problem}")


def remove(network: Any) -> None:
    """A network of ours, and the rules of its bridge. It must be empty."""
    bridge = network.attrs["Options"]["com.docker.network.bridge.name"]
    network.remove()
    if os.geteuid() == 0:
        for rule in (*rules(bridge), *docker_egress.jumps(bridge, FORWARDED, TO_US)):
            while iptables.change("-D", *rule) is None:
                pass
        Firewall(bridge).remove()
