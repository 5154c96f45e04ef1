import asyncio

import pytest

from dea_agent.staging.build import human
from dea_agent.staging.remote import redacted
from dea_agent.staging.sandbox import LINE_BYTES, Lines
from dea_agent.staging.stager import passed_env


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0B"), (220, "220B"), (1024, "1K"), (1228, "1.2K"), (47710208, "45.5M"), (1024**3, "1G")]
)
def test_sizes_read_as_cloud_foundry_writes_them(size: int, text: str) -> None:
    assert human(size) == text


def test_a_url_is_shown_without_its_credentials() -> None:
    assert redacted("https://me:secret@example.com/b.git#v1") == "https://***:***@example.com/b.git#v1"
    assert redacted("https://example.com/b.git") == "https://example.com/b.git"


def test_only_what_the_operator_names_passes_and_never_the_platforms_own() -> None:
    env = {
        "ZF_STAGING_ENV_PASS": "PIP_INDEX_URL, HTTPS_PROXY,ZF_PREFIX,AWS_SECRET_ACCESS_KEY,MISSING",
        "PIP_INDEX_URL": "https://index",
        "HTTPS_PROXY": "http://proxy",
        "ZF_PREFIX": "zf",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "OTHER": "x",
    }
    assert passed_env(env) == {"PIP_INDEX_URL": "https://index", "HTTPS_PROXY": "http://proxy"}
    assert passed_env({}) == {}


def lines_of(*pieces: bytes) -> tuple[list[str], list[str]]:
    seen: list[str] = []
    lines = Lines("OUT", lambda stream, line: seen.append(line))

    async def read() -> None:
        reader = asyncio.StreamReader()
        reading = asyncio.create_task(lines.read(reader))
        for piece in pieces:
            reader.feed_data(piece)
            await asyncio.sleep(0)
        reader.feed_eof()
        await reading

    asyncio.run(read())
    return seen, list(lines.last)


def test_a_stream_is_cut_into_lines_wherever_its_pieces_end() -> None:
    assert lines_of(b"one\ntw", b"o\n\nthr", b"ee")[0] == ["one", "two", "", "three"]


def test_a_progress_bar_counts_as_it_stands_in_the_end() -> None:
    assert lines_of(b" 10%\r 50%\r100%\nend\r\n")[0] == ["100%", "end"]


def test_bytes_that_are_no_text_are_shown_all_the_same() -> None:
    assert lines_of(b"\xff\xfe ok\n")[0] == ["\ufffd\ufffd ok"]


def test_an_endless_line_is_cut_and_never_kept_whole() -> None:
    seen, _ = lines_of(*[b"x" * 50_000] * 5)
    assert sum(map(len, seen)) == 250_000
    assert max(map(len, seen)) <= LINE_BYTES


def test_the_last_words_are_the_last_lines_that_say_something() -> None:
    _, last = lines_of(b"".join(b"%d\n" % i for i in range(30)), b"\n  \nfinally\n")
    assert last[-2:] == ["29", "finally"]
    assert len(last) == 20
