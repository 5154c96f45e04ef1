"""Log lines."""

import json
import logging

import pytest

from chalicelib.adapters.json_log import JsonFormatter, set_up, trace


def a_record(**extra: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "zf", "levelname": "INFO", "msg": "two\nlines %s", "args": ("x",), "created": 0, **extra}
    )


def test_a_log_line_is_one_json_object_with_its_trace() -> None:
    text = JsonFormatter("cc").format(a_record(trace="t-1"))
    assert "\n" not in text
    line = json.loads(text)
    assert (line["level"], line["msg"], line["component"], line["trace"]) == ("INFO", "two\nlines x", "cc", "t-1")
    assert line["time"] == "1970-01-01T00:00:00.000+00:00"


def test_a_trace_is_inherited_from_the_message_that_is_handled() -> None:
    token = trace.set("t-2")
    try:
        assert json.loads(JsonFormatter("dea-0").format(a_record()))["trace"] == "t-2"
    finally:
        trace.reset(token)


def test_a_level_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="LOUD"):
        set_up("cc", "loud")
