"""How the parts of the agent speak on the bus: what must arrive goes through the outbox, the rest is tried once."""

import logging
from dataclasses import dataclass
from typing import Any

from chalicelib.adapters.bus import Bus
from chalicelib.adapters.json_log import trace
from chalicelib.contracts.envelope import Envelope
from dea_agent.outbox import Outbox
from dea_agent.sender import Sender, SendError

log = logging.getLogger(__name__)

ROUTES, COMPONENTS = "topic:routes", "topic:components"
CC, HM, BEATS = "queue:cc", "queue:hm", "queue:beats"


@dataclass(frozen=True, slots=True)
class Messenger:
    """``dea`` and ``boot`` say in every message who speaks."""

    dea: str
    boot: str
    bus: Bus
    sender: Sender
    outbox: Outbox

    def promise(self, address: str, subject: str, body: Any) -> None:
        """It will arrive, in the order of the promises, even if this process ends now."""
        self.outbox.put(address, self._envelope(subject, body))

    async def attempt(self, address: str, subject: str, body: Any) -> bool:
        """For what is said again anyway. False when the bus did not take it."""
        try:
            await self.sender.send(address, self._envelope(subject, body))
        except SendError as error:
            log.warning("%s was not sent: %s", subject, error)
            return False
        return True

    def _envelope(self, subject: str, body: Any) -> Envelope:
        return self.bus.envelope(subject, body, trace.get())
