"""Ports and users for instances: taken, given back, and a port not used again while a router may still know it."""

import socket
from collections.abc import Callable, Container
from dataclasses import dataclass, field


def is_free(port: int) -> bool:
    """Whether an app could bind it now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


@dataclass(slots=True)
class Ports:
    """resting: port -> until when (seconds since the epoch); kept in the snapshot.

    position: of the port taken last. Agents that share a range (of two clouds on one host) begin at different
    ones, because a port that is free now may be bound by another before our app comes to it.
    """

    range: range
    rest_s: float
    position: int = 0
    resting: dict[int, float] = field(default_factory=dict)

    def take(self, in_use: Container[int], now: float, is_free: Callable[[int], bool] = is_free) -> int | None:
        """The next port that is not in use, not resting and can be bound; None when there is none."""
        self.resting = {port: until for port, until in self.resting.items() if until > now}
        for step in range(1, len(self.range) + 1):
            position = (self.position + step) % len(self.range)
            port = self.range[position]
            if port not in in_use and port not in self.resting and is_free(port):
                self.position = position
                return port
        return None

    def give_back(self, port: int, now: float) -> None:
        """0 is no port."""
        if port:
            self.resting[port] = now + self.rest_s


def free_uid(base: int, count: int, in_use: Container[int], last: int) -> int | None:
    """The next user of the range behind ``last`` that no instance has; None when all are taken.

    In turn, for what an app leaves where every user may write must not at once be the next app's own.
    """
    turn = (base + (last - base + step) % count for step in range(1, count + 1))
    return next((uid for uid in turn if uid not in in_use), None)
