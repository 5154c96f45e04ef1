import base64
import json

import pytest

from chalicelib.contracts.logs import LogEntry
from router.log_cache import Window
from router.log_envelopes import BadQueryError, batch, query, window


def test_defaults_are_the_fields() -> None:
    assert window({}, ()) == Window(0, None, 100, False)


def test_zero_as_the_end_is_no_end() -> None:
    assert window({"end_time": "0", "start_time": "7"}, ()) == Window(7, None, 100, False)


def test_types_may_be_repeated_or_listed_and_only_logs_are_kept() -> None:
    assert window({}, ["GAUGE,LOG"]) is not None
    assert window({}, ["GAUGE", "ANY"]) is not None
    assert window({}, ["GAUGE", "COUNTER"]) is None


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
        window(bad, ())


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(BadQueryError, match="envelope_types"):
        window({}, ["LOGS"])


@pytest.mark.parametrize("asked", [Window(), Window(-5, 7, 1000, True)])
def test_a_window_passes_to_a_peer_unchanged(asked: Window) -> None:
    assert window(query(asked), ()) == asked


def test_a_payload_has_no_line_end_and_survives_odd_text() -> None:
    entries = [LogEntry("i", 1, 5, "ERR", "STG", "0", text) for text in ("a\r\n", "", "\ud800 lone", "\x00")]
    found = json.loads(json.dumps(batch("app", entries)))["envelopes"]["batch"]
    assert [base64.b64decode(one["log"]["payload"], validate=True) for one in found] == [b"a", b"", b"? lone", b"\x00"]
