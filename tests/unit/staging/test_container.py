"""What comes over a build container's wire, in whatever pieces: lines, and the word of their end."""

import itertools
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from dea_agent.staging.container import RUNNER, Stream

MARK = b"\0" + b"ab" * 16 + b" "


@given(
    said=st.lists(st.sampled_from([b"a line\n", b"\0", MARK[:5], MARK[:-1], b"no end", b"\n", b"abab"])).map(b"".join),
    cuts=st.lists(st.integers(0, 200)),
)
def test_a_stream_is_told_whole_and_ends_with_the_mark_however_it_is_cut(said: bytes, cuts: list[int]) -> None:
    wire = said + MARK + b"-9 2\n"
    places = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    heard: list[str] = []
    stream = Stream("OUT", lambda _, line: heard.append(line), MARK)
    for begin, end in itertools.pairwise(places):
        assert stream.end == b""
        stream.take(wire[begin:end])
    assert stream.end == b"-9 2\n"
    assert "\n".join(heard) == said.decode().removesuffix("\n")


def test_what_is_not_the_mark_is_told_at_once() -> None:
    heard: list[str] = []
    stream = Stream("ERR", lambda _, line: heard.append(line), MARK)
    stream.take(b"one\n\0tw")
    assert heard == ["one"]
    stream.take(b"o\n")
    assert heard == ["one", "\0two"]


def test_the_runner_does_nothing_but_as_the_first_process_of_a_container() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(RUNNER)], input="{}\n", capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "only for the first one" in done.stderr
