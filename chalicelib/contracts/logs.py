"""Log lines on their way from a DEA to a router: ``POST <router logs address>/logs``.

Header ``Authorization: Bearer <log grant>``, or the grant in the batch where it may be too long for a header; body a
:class:`LogBatch` as JSON, all of one source. Answers 204, 401 (no good grant) or 403 (grant of another source).
Sending a batch again is harmless: a router drops entries whose ``offset`` is not beyond the last it has for
(instance_guid, source_type).

And what routers ask of CC (``POST /internal/drains``) and of each other (``POST <logs address>/peer/drains``) so that
each line reaches its app's log drains once.
"""

from dataclasses import field

from chalicelib.contracts.frozen import frozen

#: Types of an entry.
OUT, ERR, GAUGE = "OUT", "ERR", "GAUGE"

#: CloudController's own lines. Each has a writer of its own: the guid of what it tells.
API = "API"

#: Sources in one question to CC.
MAX_ASKED = 50


@frozen
class LogEntry:
    """offset: grows within (instance_guid, source_type). timestamp: ns since the epoch. type: OUT, ERR or GAUGE.

    source_type: STG, APP/PROC/WEB, CELL, RTR, API ... instance_id: the index, as text. text: without its newline.
    A gauge has its process's type as source_type, and as text a JSON object: metric -> number.
    """

    instance_guid: str
    offset: int
    timestamp: int
    type: str
    source_type: str
    instance_id: str
    text: str


@frozen
class LogBatch:
    """grant: of the sender, unless it is in the header. Lines or gauges, never both in one batch."""

    source_id: str
    entries: tuple[LogEntry, ...]
    grant: str = ""


@frozen
class AppLines:
    """``app.lines``, CC to topic ``routes``: lines of source type API. Each router takes those of the apps it owns."""

    batches: tuple[LogBatch, ...]


@frozen
class DrainsQuestion:
    """grants: log or route grants, one for each app that is asked about. Whoever holds one hears the app's drains."""

    grants: tuple[str, ...]


@frozen
class AppDrains:
    """Where the lines of an app go. urls: secrets. names: organization, space and app; tags: as drains tell them."""

    source_id: str
    urls: tuple[str, ...]
    names: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)


@frozen
class DrainsAnswer:
    """Of the apps that were asked about those which have drains."""

    apps: tuple[AppDrains, ...]


@frozen
class Mark:
    """The last line of a writer that went to the drains."""

    instance_guid: str
    source_type: str
    offset: int


@frozen
class DrainMarks:
    """One owner of a source to the other: so far has it gone. Answered in kind, with what the other knows.

    claims: the sender delivers from now on, and the other no more. grant: any grant of the app.
    """

    source_id: str
    marks: tuple[Mark, ...]
    claims: bool
    grant: str = ""
