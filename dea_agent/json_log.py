"""One JSON object per log line on stderr, each with the trace of the message that caused it."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

#: The request id of the first cause; tasks inherit it from the message they were made for.
trace: ContextVar[str] = ContextVar("trace", default="")


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
        if cause := trace.get():
            line["trace"] = cause
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure(component: str, level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(component))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Libraries narrate every request at INFO and say URLs, which are signed.
    for name in ("botocore", "boto3", "urllib3", "aiohttp.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
