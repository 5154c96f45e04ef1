"""Logs as one JSON object per line on stderr."""

import json
import logging
import sys
from datetime import UTC, datetime

#: Attributes of every record; what else a record has was given by ``extra``.
_STANDARD = set(logging.makeLogRecord({}).__dict__) | {"message", "taskName"}


class JsonFormatter(logging.Formatter):
    def __init__(self, component: str) -> None:
        super().__init__()
        self._component = component

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "msg": record.getMessage(),
            "component": self._component,
        }
        line |= {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def set_up(component: str, level: str) -> None:
    """Raises ValueError for a level that is none."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(component))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # It tells of each client where its credentials and endpoint come from.
    logging.getLogger("botocore").setLevel(logging.WARNING)
