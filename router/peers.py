"""The routers of this installation as their router.start messages tell, and who of them owns a log source. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.contracts.routing import RouterStart
from chalicelib.core.rendezvous import owners


@dataclass(frozen=True, slots=True)
class _Peer:
    start: RouterStart
    heard: float


class Peers:
    """``own``: this router's start message; it is always among the members. Times in the caller's seconds."""

    def __init__(self, own: RouterStart) -> None:
        self._own = own
        self._peers: dict[str, _Peer] = {}

    def meet(self, start: RouterStart, now: float) -> None:
        """Somebody made himself known, or leaves. A late farewell of a former boot changes nothing."""
        if start.router == self._own.router:
            return
        known = self._peers.get(start.router)
        if not start.leaving:
            self._peers[start.router] = _Peer(start, now)
        elif known is not None and known.start.boot == start.boot:
            del self._peers[start.router]

    def forget(self, now: float, silent_s: float) -> None:
        """Drop those that have not been heard of for ``silent_s``; for the caller to ask while the bus works."""
        self._peers = {name: peer for name, peer in self._peers.items() if now - peer.heard <= silent_s}

    def owners(self, source_id: str) -> tuple[bool, list[str]]:
        """Whether this router owns the source, and the logs addresses of the others that do."""
        own = self._own.router
        names = owners(source_id, [own, *self._peers])
        return own in names, [self._peers[name].start.logs for name in names if name != own]

    def addresses(self) -> Iterable[str]:
        return [peer.start.logs for peer in self._peers.values()]
