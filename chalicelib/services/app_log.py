"""Lines of CloudController's own in the logs of apps: owed by the transaction of what they tell, sent to all routers.

One message for a transaction, whatever it does. Its lines come with a grant, by which routers take them and learn of
the app's drains.
"""

from collections import defaultdict

from chalicelib.contracts.grants import log_claims
from chalicelib.contracts.logs import API, OUT, AppLines, LogBatch, LogEntry
from chalicelib.tables.unit import Unit


def tell(unit: Unit, app_guid: str, guid: str, text: str, at: float) -> None:
    """``guid``: of what is told; said twice, with the same time ``at`` (epoch s), it is one line."""
    nanos = int(at * 1e9)
    entry = LogEntry(guid, nanos, nanos, OUT, API, "0", text)
    unit.tally("app.lines", ((app_guid, entry),), _send)


def _send(unit: Unit, told: tuple[tuple[str, LogEntry], ...]) -> None:
    """Nothing by who cannot sign: the HealthManager."""
    if unit.sign is None:
        return
    apps: defaultdict[str, list[LogEntry]] = defaultdict(list)
    for app_guid, entry in told:
        apps[app_guid].append(entry)
    batches = (LogBatch(app, tuple(entries), unit.sign(log_claims(app))) for app, entries in apps.items())
    unit.send("topic:routes", "app.lines", AppLines(tuple(batches)))
