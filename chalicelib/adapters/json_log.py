"""Logs as one JSON object per line on stderr, each with the trace of the message or request that caused it."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

#: The request id of the first cause, for those who do not give it as ``extra``; tasks inherit it.
trace: ContextVar[str] = ContextVar("trace", default="")

#: Attributes of every record; what else a record has was given by ``extra``.
_STANDARD = set(logging.makeLogRecord({}).__dict__) | {"message", "taskName"}

#: They narrate every request: URLs, which are signed, where credentials come from, bodies, which carry secrets.
CHATTY = ("botocore", "boto3", "urllib3", "aiohttp.access", "moto", "pynamodb")


class JsonFormatter(logging.Formatter):
    """time, level, msg, component, logger, and what ``extra`` gave."""

    def __init__(self, component: str) -> None:
        super().__init__()
        self._component = component

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "msg": record.getMessage(),
            "component": self._component,
            "logger": record.name,
        }
        if cause := trace.get():
            line["trace"] = cause
        line |= {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def set_up(component: str, level: str = "INFO") -> None:
    """Send all logging of this process there. Raises ValueError for a level that is none."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(component))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
