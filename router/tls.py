"""The certificates that the router serves: looked for again and again, the last good ones kept.

A look that finds something wrong says so once, in one line; what is served goes on being served. What the owner has
taken out of the place is served no more, but for the very last certificate: who wants no https switches it off.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from chalicelib.adapters.certificates import Entry, Store, StoreError
from router.tls_certificates import BadCertificate, Certificate, Serving, parse, serving

log = logging.getLogger(__name__)

#: A certificate that ends within this time, seconds, is one that nobody renews. Let's Encrypt's are renewed 30 days
#: before their end.
ENDS_SOON_S = 14 * 24 * 3600


class Certificates:
    """``publish`` is told what to serve whenever that is something else. domain: the platform's."""

    def __init__(
        self,
        store: Store,
        domain: str,
        publish: Callable[[Serving], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._domain, self._publish, self._now = store, domain, publish, now
        #: The last good certificates by name, and the entries that they were made of.
        self._good: dict[str, Certificate] = {}
        self._taken: dict[str, Entry] = {}
        self._complaints: set[str] = set()
        self.serving: Serving | None = None

    async def look(self) -> None:
        """Read the place, and publish what has changed."""
        try:
            found = await asyncio.to_thread(self._store.read)
        except StoreError as error:
            self._say({f"certificates cannot be read: {error}"})
            return
        self.take(found)

    def take(self, found: Mapping[str, Entry]) -> None:
        """``found``: everything that there is now."""
        complaints = {self._judge(name, entry) for name, entry in found.items()} - {""}
        self._say(complaints if found else {"there is no certificate where they are looked for"})
        for name in self._taken.keys() - found.keys():
            del self._taken[name]
        self._good = {name: one for name, one in self._good.items() if name in found} or self._good
        new = serving(self._good.values(), self._domain)
        if new is not None and new != self.serving:
            self.serving = new
            log.info("serving certificates for %s", ", ".join(sorted(sum(new.hosts.values(), ()))))
            self._publish(new)

    def _judge(self, name: str, entry: Entry) -> str:
        """The complaint about it, if there is one."""
        now = self._now()
        if self._taken.get(name) != entry:
            try:
                if entry.problem:
                    raise BadCertificate(entry.problem)
                self._good[name] = parse(name, entry.pem, now)
            except BadCertificate as error:
                kept = "; the one before it is kept" if name in self._good else ""
                return f"certificate {name} is not taken: {error}{kept}"
            self._taken[name] = entry
        left_s = self._good[name].not_after - now
        return f"certificate {name} ends in {max(0, int(left_s // 86400))} days" if left_s < ENDS_SOON_S else ""

    def _say(self, complaints: set[str]) -> None:
        """Once, not at every look."""
        for text in sorted(complaints - self._complaints):
            log.error("%s", text)
        self._complaints = complaints

    def numbers(self) -> dict[str, float]:
        """certificate_left_s: until the first of those in use ends; 0 without any."""
        ends = [one.not_after for one in self.serving.certificates.values()] if self.serving else []
        return {
            "certificates": len(ends),
            "certificate_complaints": len(self._complaints),
            "certificate_left_s": round(min(ends) - self._now()) if ends else 0,
        }
