"""Metrics."""

from infra.local.ops import metrics_text


def test_numbers_become_metrics_and_the_rest_does_not() -> None:
    varz = {"queues": {"cc": {"messages": 3, "last": "x"}}, "up": True, "load-1": 0.5}
    assert metrics_text(varz) == "zf_queues_cc_messages 3\nzf_load_1 0.5\n"
