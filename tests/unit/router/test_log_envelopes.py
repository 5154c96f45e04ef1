import base64
import json

import pytest

from chalicelib.contracts.logs import LogEntry
from router.log_cache import Window
from router.log_envelopes import KEPT, BadQueryError, batch, kinds, metrics, query, window


def test_defaults_are_the_fields() -> None:
    assert window({}) == Window(0, None, 100, False)
    assert kinds(()) == KEPT == {"LOG", "GAUGE"}


def test_zero_as_the_end_is_no_end() -> None:
    assert window({"end_time": "0", "start_time": "7"}) == Window(7, None, 100, False)


def test_types_may_be_repeated_or_listed_and_only_lines_and_gauges_are_kept() -> None:
    assert kinds(["COUNTER,LOG"]) == {"LOG"}
    assert kinds(["GAUGE", "TIMER"]) == {"GAUGE"}
    assert kinds(["COUNTER", "ANY"]) == KEPT
    assert kinds(["EVENT", "COUNTER"]) == frozenset()


@pytest.mark.parametrize(
    "bad",
    [
        *[
            {"limit": "-1"},
            {"limit": "0"},
            {"limit": "1001"},
            {"limit": "ten"},
            {"start_time": "1e9"},
            {"descending": "yes"},
        ],
        *[{"start_time": "9" * 30}, {"start_time": "9" * 19 + "9"}, {"start_time": "2", "end_time": "2"}],
    ],
)
def test_nonsense_is_named(bad: dict[str, str]) -> None:
    with pytest.raises(BadQueryError, match=next(iter(bad))):
        window(bad)


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(BadQueryError, match="envelope_types"):
        kinds(["LOGS"])


@pytest.mark.parametrize("asked", [Window(), Window(-5, 7, 1000, True)])
def test_a_window_passes_to_a_peer_unchanged(asked: Window) -> None:
    passed = query(asked, ["GAUGE", "LOG"])
    assert window(passed) == asked
    assert kinds([passed["envelope_types"]]) == KEPT


def test_a_payload_has_no_line_end_and_survives_odd_text() -> None:
    entries = [LogEntry("i", 1, 5, "ERR", "STG", "0", text) for text in ("a\r\n", "", "\ud800 lone", "\x00")]
    found = json.loads(json.dumps(batch("app", entries)))["envelopes"]["batch"]
    assert [base64.b64decode(one["log"]["payload"], validate=True) for one in found] == [b"a", b"", b"? lone", b"\x00"]


def test_a_gauge_has_its_metrics_with_their_units_and_no_others() -> None:
    said = json.dumps({"cpu": 12.5, "memory": 7, "unheard_of": 3})
    (found,) = batch("app", [LogEntry("i", 5, 5, "GAUGE", "web", "2", said)])["envelopes"]["batch"]
    assert found == {
        "timestamp": "5",
        "source_id": "app",
        "instance_id": "2",
        "deprecated_tags": {},
        "tags": {"origin": "rep", "process_type": "web", "process_instance_id": "i"},
        "gauge": {"metrics": {"cpu": {"unit": "percentage", "value": 12.5}, "memory": {"unit": "bytes", "value": 7}}},
    }


@pytest.mark.parametrize(
    "text", ["", "[]", "7", '{"cpu": NaN}', '{"cpu": 1e999}', '{"cpu": "1"}', '{"cpu": true}', "[" * 100_000]
)
def test_what_readers_could_not_parse_is_no_gauge(text: str) -> None:
    assert metrics(text) is None
    assert metrics('{"memory": 1' + "0" * 400 + "}") is None
