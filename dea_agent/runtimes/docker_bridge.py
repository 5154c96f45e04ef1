"""The network of one agent's containers: one bridge without traffic among them, and what they cannot reach.

One bridge for all, because address pools run out when each instance has its own. The rules stand in the host's packet
filter, so they hold whatever an app does, and outlive both the agent and the engine:

- nothing at link-local addresses, above all not the metadata service (169.254.169.254), which gives out the host's
  credentials;
- nothing on this host itself, at whichever of its addresses: agents, the engine, other apps' ports. Answers to what
  the host asked (health checks, routers) pass.
"""

import hashlib
import logging
import os
import shutil
import subprocess
from typing import Any

from chalicelib.core.addresses import Allowed
from dea_agent.runtimes import docker_egress

log = logging.getLogger(__name__)

LINK_LOCAL = "169.254.0.0/16"

#: Chain that the engine keeps for rules of others, ahead of its own, and never empties.
FORWARDED, TO_US = "DOCKER-USER", "INPUT"

SECONDS_FOR_LOCK = "5"


class FirewallError(Exception):
    """The rules cannot be written, or do not stand. The text is for people."""


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
        else:
            log.warning("containers can reach this host and 169.254.169.254: only root can write the rules against it")

    def _write_rules(self) -> None:
        if self._allowed is None:
            for rule in rules(self.interface):
                write(rule)
            return
        if problem := docker_egress.fill(self.interface, self._allowed):
            raise FirewallError(f"the firewall does not take the rules for builds: {problem}")
        for rule in docker_egress.jumps(self.interface, FORWARDED, TO_US):
            write(rule)

    def remove(self) -> None:
        for network in self._client.networks.list(names=[f"^{self.name}$"]):
            remove(network)


def write(rule: tuple[str, ...]) -> None:
    """Put it first in its chain if it is not in it, and see that it is."""
    if _iptables("-C", *rule) is None:
        return
    problem = _iptables("-I", *rule) or _iptables("-C", *rule)
    if problem is not None:
        raise FirewallError(f"the firewall does not take the rule {' '.join(rule)}: {problem}")


def remove(network: Any) -> None:
    """A network of ours, and the rules of its bridge. It must be empty."""
    bridge = network.attrs["Options"]["com.docker.network.bridge.name"]
    network.remove()
    if os.geteuid() == 0:
        for rule in (*rules(bridge), *docker_egress.jumps(bridge, FORWARDED, TO_US)):
            while _iptables("-D", *rule) is None:
                pass
        for chain in docker_egress.chains(bridge):
            _iptables("-F", chain)
            _iptables("-X", chain)


def _iptables(verb: str, *rule: str) -> str | None:
    """What is wrong; None when it went well."""
    program = shutil.which("iptables", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if not program:
        return "iptables is not installed"
    words = [program, "-w", SECONDS_FOR_LOCK, verb, *rule]
    done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return None if done.returncode == 0 else done.stderr.strip() or "no reason given"
