"""Log lines on their way from a DEA to a router: ``POST <router logs address>/logs``.

Header ``Authorization: Bearer <log grant>``, or the grant in the batch where it may be too long for a header; body a
:class:`LogBatch` as JSON, all of one source. Answers 204, 401 (no good grant) or 403 (grant of another source).
Sending a batch again is harmless: a router drops entries whose ``offset`` is not beyond the last it has for
(instance_guid, stream).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogEntry:
    """offset: grows within (instance_guid, source_type). timestamp: ns since the epoch. type: OUT or ERR.

    source_type: STG, APP/PROC/WEB, CELL, RTR ... instance_id: the index, as text. text: without its newline.
    """

    instance_guid: str
    offset: int
    timestamp: int
    type: str
    source_type: str
    instance_id: str
    text: str


@dataclass(frozen=True, slots=True)
class LogBatch:
    """grant: of the sender, unless it is in the header."""

    source_id: str
    entries: tuple[LogEntry, ...]
    grant: str = ""
