"""What waits for a drain: bounded by lines and bytes of its own and by the bytes of all. Pure. Who is late loses the
oldest."""

from collections import deque

from chalicelib.contracts.logs import LogEntry
from router.log_cache import size_of

MAX_LINES, MAX_BYTES = 10_000, 4 * 1024 * 1024

#: Of all drains of a router together.
MAX_ALL_BYTES = 64 * 1024 * 1024

#: What is sent at a time.
BATCH_LINES, BATCH_BYTES = 100, 256 * 1024


class Budget:
    """Bytes that all backlogs share."""

    def __init__(self, most: int = MAX_ALL_BYTES) -> None:
        self.most, self.used = most, 0


class Backlog:
    """lost: lines that were dropped since that was last set to 0. sending: what was taken and is not done with."""

    def __init__(self, budget: Budget, max_lines: int = MAX_LINES, max_bytes: int = MAX_BYTES) -> None:
        self._budget, self._max_lines, self._max_bytes = budget, max_lines, max_bytes
        self._waiting: deque[LogEntry] = deque()
        self._size = 0
        self.sending: list[LogEntry] = []
        self.lost = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self.sending)

    def put(self, entry: LogEntry) -> None:
        size = size_of(entry)
        while self._waiting and not self._fits(size):
            self._release(self._waiting.popleft())
            self.lost += 1
        if not self._fits(size):
            self.lost += 1
            return
        self._waiting.append(entry)
        self._size += size
        self._budget.used += size

    def take(self) -> list[LogEntry]:
        """What is to be sent: what was taken and is not done with, or else the oldest; empty when there is nothing."""
        if self.sending:
            return self.sending
        left = BATCH_BYTES
        while self._waiting and len(self.sending) < BATCH_LINES:
            left -= size_of(self._waiting[0])
            if left < 0 and self.sending:
                break
            self.sending.append(self._waiting.popleft())
        return self.sending

    def done(self, count: int) -> None:
        """The first ``count`` of what was taken are done with."""
        for entry in self.sending[:count]:
            self._release(entry)
        del self.sending[:count]

    def clear(self) -> None:
        """Give up what is here."""
        self.lost += len(self)
        self.done(len(self.sending))
        while self._waiting:
            self._release(self._waiting.popleft())

    def _fits(self, size: int) -> bool:
        return (
            len(self) < self._max_lines
            and self._size + size <= self._max_bytes
            and self._budget.used + size <= self._budget.most
        )

    def _release(self, entry: LogEntry) -> None:
        self._size -= size_of(entry)
        self._budget.used -= size_of(entry)
