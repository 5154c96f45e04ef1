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

    def meet(self, start: RouterStart, now: float) -> bool:
        """Somebody made himself known, or leaves: whether he is new.

        A late farewell of a former boot changes nothing.
        """
        if start.router == self._own.router:
            return False
        known = self._peers.get(start.router)
        if not start.leaving:
            self._peers[start.router] = _Peer(start, now)
            return known is None or known.start.boot != start.boot
        if known is not None and known.start.boot == start.boot:
            del self._peers[start.router]
        return False

    def forget(self, now: float, silent_s: float) -> None:
        """Drop those that have not been heard of for ``silent_s``; for the caller to ask while the bus works."""
        self._peers = {name: peer for name, peer in self._peers.items() if now - peer.heard <= silent_s}

    def owners(self, source_id: str) -> tuple[bool, list[str]]:
        """Whether this router owns the source, and the logs addresses of the others that do."""
        own = self._own.router
        names = owners(source_id, [own, *self._peers])
        return own in names, [self._peers[name].start.logs for name in names if name != own]

    def is_first(self, source_id: str) -> bool:
        """Whether this router is the one of the owners that does what is to be done once."""
        own = self._own.router
        return owners(source_id, [own, *self._peers], 1) == [own]

    def addresses(self) -> Iterable[str]:
        return [peer.start.logs for peer in self._peers.values()]
