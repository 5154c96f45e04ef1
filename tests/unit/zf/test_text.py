"""Small renderings, and that text of others is harmless."""

import pytest

from zf.text import ago, epoch_ns, harmless, megabytes, seconds, size


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KB"), (5 << 30, "5 GB")])
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


def test_megabytes_as_they_are_typed() -> None:
    assert (megabytes(256), megabytes(1024), megabytes(1536)) == ("256M", "1G", "1.5G")


def test_durations() -> None:
    assert (seconds(0.214), seconds(12.34), seconds(125)) == ("0.21 s", "12.3 s", "2 min 5 s")
    assert (ago(5), ago(125), ago(7300), ago(200_000), ago(-1)) == ("5s", "2m", "2h", "2d", "0s")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain\tütf", "plain\tütf"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]8;;http://evil\x1b\\x", "x"),
        ("\x1b[2J\x1b[1;1Hx", "x"),
        ("a\rb\x08\x00c\x9bd", "abcd"),
        ("\x1b", ""),
    ],
)
def test_escape_sequences_are_taken_out(text: str, kept: str) -> None:
    assert harmless(text) == kept


def test_colours_may_stay_and_are_ended() -> None:
    assert harmless("\x1b[31mred\x1b[2J", colours=True) == "\x1b[31mred\x1b[0m"


def test_timestamps_of_v3() -> None:
    assert epoch_ns("1970-01-01T00:00:02Z") == 2_000_000_000
    assert epoch_ns("") == epoch_ns("yesterday") == 0
