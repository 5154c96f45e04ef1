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
    """``resting``: port -> until when (seconds since the epoch); kept in the snapshot."""

    range: range
    rest_s: float
    resting: dict[int, float] = field(default_factory=dict)
    _last: int = -1

    def take(self, in_use: Container[int], now: float, is_free: Callable[[int], bool] = is_free) -> int | None:
        """The next port that is not in use, not resting and can be bound; None when there is none."""
        self.resting = {port: until for port, until in self.resting.items() if until > now}
        for step in range(1, len(self.range) + 1):
            position = (self._last + step) % len(self.range)
            port = self.range[position]
            if port not in in_use and port not in self.resting and is_free(port):
                self._last = position
                return port
        return None

    def give_back(self, port: int, now: float) -> None:
        self.resting[port] = now + self.rest_s


def free_uid(base: int, count: int, in_use: Container[int]) -> int | None:
    """The lowest user of the range that no instance has."""
    return next((uid for uid in range(base, base + count) if uid not in in_use), None)
