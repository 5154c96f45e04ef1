"""The log of staging or of a task while it is written. A log that cannot be read never fails what it is about."""

import time
from collections import deque
from collections.abc import Callable

from zf.client.errors import ZfError
from zf.client.logs import Follower, Line, LogCache

#: Failures in a row after which the log is given up; what the cf command does.
TRIES = 5
#: Lines kept for an error.
TAIL = 20
#: What was said last may be on its way: a DEA sends its lines at most 0.2 s old.
LAST_LINES_S = 0.3


class LiveLog:
    """To be made before the build is asked for: shows what comes after that. source: whose lines, STG or a task's."""

    def __init__(self, cache: LogCache, app_guid: str, show: Callable[[Line], None], source: str = "STG") -> None:
        try:
            self._follower = Follower.from_now(cache, app_guid)
        except ZfError:
            self._follower = Follower(cache, app_guid, time.time_ns())
        self._show, self.source = show, source
        self._failures = 0
        self.tail: deque[str] = deque(maxlen=TAIL)

    def more(self) -> None:
        """Shows the lines that have come since."""
        if self._failures >= TRIES:
            return
        try:
            lines = self._follower.new()
        except ZfError:
            self._failures += 1
            return
        self._failures = 0
        for line in lines:
            if line.source == self.source:
                self.tail.append(line.text)
                self._show(line)


def last_words(cache: LogCache, app_guid: str, since_ns: int) -> list[str]:
    """What the app and its cell said last; empty when the log cannot be read."""
    time.sleep(LAST_LINES_S)
    try:
        lines = cache.recent(app_guid)
    except ZfError:
        return []
    said = (line.text for line in lines if line.timestamp >= since_ns and line.source.startswith(("APP", "CELL")))
    return list(deque(said, maxlen=TAIL))
