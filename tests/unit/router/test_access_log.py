from datetime import UTC, datetime
from typing import Any

from envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage
from google.protobuf.json_format import ParseDict

from router.access_log import BURST, LINES_PER_S, AccessLog, line_text


def an_entry(**tags: str) -> HTTPAccessLogEntry:
    data: dict[str, Any] = {
        "common_properties": {
            "downstream_remote_address": {"socket_address": {"address": "192.0.2.7", "port_value": 4711}},
            "upstream_remote_address": {"socket_address": {"address": "10.0.0.1", "port_value": 1001}},
            "start_time": "2025-03-04T05:06:07.089Z",
            "duration": "0.012500s",
            "custom_tags": tags,
            "route_name": "app-of-route",
        },
        "protocol_version": "HTTP11",
        "request": {
            "request_method": "GET",
            "authority": "a.example.com",
            "path": "/x?y=1",
            "user_agent": "curl/8",
            "forwarded_for": "192.0.2.7",
            "request_id": "r-1",
            "request_headers": {"x-forwarded-proto": "https"},
            "request_body_bytes": "3",
        },
        "response": {"response_code": 200, "response_body_bytes": "12"},
    }
    return ParseDict(data, HTTPAccessLogEntry())


def a_message(*entries: HTTPAccessLogEntry) -> bytes:
    message = StreamAccessLogsMessage()
    message.http_logs.log_entry.extend(entries)
    return bytes(message.SerializeToString())


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_reads_as_gorouters_do() -> None:
    assert line_text(an_entry(app="app-1", index="2", instance="i-1"), "app-1") == (
        'a.example.com - [2025-03-04T05:06:07.089Z] "GET /x?y=1 HTTP/1.1" 200 3 12 "-" "curl/8" "192.0.2.7:4711" '
        '"10.0.0.1:1001" x_forwarded_for:"192.0.2.7" x_forwarded_proto:"https" vcap_request_id:"r-1" '
        'response_time:0.012500 app_id:"app-1" app_index:"2" instance_id:"i-1" x_cf_routererror:"-"'
    )


def test_a_line_belongs_to_the_app_at_the_end_of_the_request() -> None:
    log = AccessLog("router-3", "writer", Clock())
    [(app, entry)] = log.take(a_message(an_entry(app="app-1")))
    assert (app, entry.source_type, entry.instance_id, entry.type) == ("app-1", "RTR", "3", "OUT")
    end = datetime(2025, 3, 4, 5, 6, 7, 101_500, tzinfo=UTC)
    assert entry.timestamp == int(end.timestamp() * 1_000_000) * 1000


def test_offsets_grow() -> None:
    log = AccessLog("router-0", "writer", Clock())
    found = log.take(a_message(an_entry(), an_entry())) + log.take(a_message(an_entry()))
    assert [entry.offset for _, entry in found] == [1, 2, 3]


def test_a_request_that_reached_nobody_belongs_to_the_app_of_its_route() -> None:
    [(app, _)] = AccessLog("router-0", "writer", Clock()).take(a_message(an_entry()))
    assert app == "app-of-route"


def test_a_request_of_no_app_is_nobodys() -> None:
    entry = an_entry()
    entry.common_properties.route_name = ""
    assert AccessLog("router-0", "writer", Clock()).take(a_message(entry)) == []


def test_a_client_cannot_forge_fields() -> None:
    entry = an_entry(app="app-1")
    entry.request.user_agent = 'x" app_id:"other\n\\'
    assert r'"x\" app_id:\"other\n\\"' in line_text(entry, "app-1")


def test_above_the_rate_messages_are_counted_and_dropped() -> None:
    clock = Clock()
    log = AccessLog("router-0", "writer", clock)
    for _ in range(BURST + 500):
        log.take(a_message(an_entry()))
    assert (log.lines, log.dropped_messages) == (BURST, 500)
    clock.now = 1.0
    for _ in range(BURST):
        log.take(a_message(an_entry()))
    assert log.lines == BURST + LINES_PER_S


def test_nonsense_is_dropped() -> None:
    log = AccessLog("router-0", "writer", Clock())
    assert log.take(b"\xff\xff") == []
    assert log.dropped_messages == 1
