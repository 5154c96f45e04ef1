"""Metrics and log lines."""

import json
import logging

from infra.local.ops import JsonFormatter, metrics_text


def test_numbers_become_metrics_and_the_rest_does_not() -> None:
    varz = {"queues": {"cc": {"messages": 3, "last": "x"}}, "up": True, "load-1": 0.5}
    assert metrics_text(varz) == "zf_queues_cc_messages 3\nzf_load_1 0.5\n"


def test_a_log_line_is_one_json_object_with_its_trace() -> None:
    record = logging.LogRecord("zf", logging.INFO, __file__, 1, "two\nlines %s", ("x",), None)
    record.trace = "t-1"
    text = JsonFormatter("cc").format(record)
    assert "\n" not in text
    line = json.loads(text)
    assert (line["level"], line["msg"], line["component"], line["trace"]) == ("info", "two\nlines x", "cc", "t-1")
