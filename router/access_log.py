"""Envoy's access log as RTR lines of the apps. Pure: serialised ALS messages in, lines by app out.

The line is gorouter's, so that tools which read it go on working. Above ``LINES_PER_S`` messages are counted and
dropped before they are parsed: a router's first duty is to route.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage
from google.protobuf.message import DecodeError

from chalicelib.contracts.logs import LogEntry

#: Costs about 5 % of a core.
LINES_PER_S = 1000

#: Two lines of one batch are 16 KB apart at most; what one message may exceed the rate by.
BURST = 2000

Line = tuple[str, LogEntry]


class AccessLog:
    """``take(message)`` gives (app guid, entry) for each request to an app. clock: monotonic seconds.

    writer: who says these lines, a name that is new with each boot, for offsets start again then.
    """

    def __init__(self, router_id: str, writer: str, clock: Callable[[], float]) -> None:
        numbers = re.findall(r"\d+$", router_id)
        self._index, self._writer, self._clock = (numbers or ["0"])[0], writer, clock
        self._offset = 0
        self._tokens, self._filled_at = float(BURST), clock()
        self.lines = self.dropped_messages = 0

    def take(self, data: bytes) -> list[Line]:
        now = self._clock()
        self._tokens = min(BURST, self._tokens + (now - self._filled_at) * LINES_PER_S)
        self._filled_at = now
        if self._tokens < 1:
            self.dropped_messages += 1
            return []
        try:
            message = StreamAccessLogsMessage.FromString(data)
        except DecodeError:
            self.dropped_messages += 1
            return []
        entries = message.http_logs.log_entry
        self._tokens -= len(entries)
        return [line for entry in entries if (line := self._line(entry))]

    def _line(self, entry: HTTPAccessLogEntry) -> Line | None:
        common = entry.common_properties
        app = common.custom_tags.get("app") or common.route_name
        if not app:
            return None
        self._offset += 1
        self.lines += 1
        # In time with the lines that the app wrote: the end of the request.
        nanos = common.start_time.ToNanoseconds() + common.duration.ToNanoseconds()
        text = line_text(entry, app)
        return app, LogEntry(self._writer, self._offset, nanos, "OUT", "RTR", self._index, text)


def line_text(entry: HTTPAccessLogEntry, app: str) -> str:
    """One request as gorouter would tell it."""
    common, request, response = entry.common_properties, entry.request, entry.response
    start = common.start_time.ToDatetime(UTC)
    error = _router_error(common.response_flags)
    return (
        f"{request.authority} - [{_stamp(start)}] "
        f'"{_method(entry)} {request.original_path or request.path} {_protocol(entry)}" {response.response_code.value} '
        f"{request.request_body_bytes} {response.response_body_bytes} "
        f"{_quoted(request.referer)} {_quoted(request.user_agent)} "
        f"{_quoted(_address(common.downstream_remote_address))} {_quoted(_address(common.upstream_remote_address))} "
        f"x_forwarded_for:{_quoted(request.forwarded_for)} "
        f"x_forwarded_proto:{_quoted(request.request_headers.get('x-forwarded-proto', ''))} "
        f"vcap_request_id:{_quoted(request.request_id)} "
        f"response_time:{common.duration.ToNanoseconds() / 1e9:.6f} "
        f"app_id:{_quoted(app)} app_index:{_quoted(common.custom_tags.get('index', ''))} "
        f"instance_id:{_quoted(common.custom_tags.get('instance', ''))} x_cf_routererror:{_quoted(error)}"
    )


def _stamp(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"


def _quoted(text: str) -> str:
    """In quotes; what is not there is a dash. A client's quote or line break must not end the field."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\n", "\\n")
    return f'"{escaped or "-"}"'


def _address(address: Any) -> str:
    socket = address.socket_address
    return f"{socket.address}:{socket.port_value}" if socket.address else ""


def _method(entry: HTTPAccessLogEntry) -> str:
    method = entry.request.request_method
    descriptor = entry.request.DESCRIPTOR.fields_by_name["request_method"].enum_type
    return str(descriptor.values_by_number[method].name) if method else "-"


_PROTOCOLS = {1: "HTTP/1.0", 2: "HTTP/1.1", 3: "HTTP/2.0", 4: "HTTP/3.0"}


def _protocol(entry: HTTPAccessLogEntry) -> str:
    return _PROTOCOLS.get(entry.protocol_version, "HTTP")


def _router_error(flags: Any) -> str:
    if flags.no_healthy_upstream or flags.no_cluster_found:
        return "no_endpoints"
    failed = flags.upstream_connection_failure or flags.upstream_connection_termination or flags.upstream_remote_reset
    return "endpoint_failure" if failed else ""
