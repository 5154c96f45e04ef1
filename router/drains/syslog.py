"""A log line as a syslog message (RFC 5424) in the form that Cloud Foundry's drains have. Pure."""

import re
from datetime import UTC, datetime

from chalicelib.contracts.logs import AppDrains, LogEntry

#: Facility user, severities informational and error.
PRIORITY = {"OUT": 14, "ERR": 11}

#: Cloud Foundry's private enterprise number.
TAGS = "tags@47450"

#: Of a part of the host name, and of a value in the structured data.
MAX_PART, MAX_VALUE = 63, 1024


def message(entry: LogEntry, app: AppDrains) -> bytes:
    """``<14>1 time org.space.app app-guid [APP/PROC/WEB/0] - [tags@47450 ...] text`` and a newline."""
    process = f"[{_process(entry.source_type)}/{entry.instance_id}]" if entry.instance_id else entry.source_type
    host = ".".join(_part(name) for name in app.names) or "-"
    head = f"<{PRIORITY[entry.type]}>1 {_time(entry.timestamp)} {host} {app.source_id} {process[:128]} -"
    text = entry.text.rstrip("\r\n").replace("\0", "")
    return f"{head} {_structured(entry, app)} {text}\n".encode(errors="replace")


def framed(data: bytes) -> bytes:
    """Octet counting (RFC 6587): so the lines of a message need no escapes."""
    return b"%d %s" % (len(data), data)


def _time(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return "-"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 1000:06}+00:00"


def _part(name: str) -> str:
    spaced = re.sub(r"\s+", "-", name)
    return re.sub(r"[^-a-zA-Z0-9]+", "", spaced)[:MAX_PART].rstrip("-")


def _process(source_type: str) -> str:
    return re.sub(r"[^!-~]+", "-", source_type.upper())


def _structured(entry: LogEntry, app: AppDrains) -> str:
    own = {
        "source_id": app.source_id,
        "source_type": entry.source_type,
        "instance_id": entry.instance_id,
        "process_instance_id": entry.instance_guid,
    }
    pairs = sorted((app.tags | own).items())
    return f"[{TAGS} {' '.join(f'{name}={_quoted(value)}' for name, value in pairs)}]"


def _quoted(value: str) -> str:
    return '"' + re.sub(r'(["\\\]])', r"\\\1", value[:MAX_VALUE].replace("\n", " ")) + '"'
