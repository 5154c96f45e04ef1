"""Safety of the log's way through files: no line lost, doubled or out of order, wherever it is cut."""

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dea_agent.log_reader import LogReader, parse
from dea_agent.runtimes.shim import LINE_BYTES, OUT, LogFile, Pipe, Rate

LINES = st.lists(st.text("abc äö\r", max_size=30), max_size=40)


def read_all(reader: LogReader, position: int, most: int) -> tuple[list[str], int]:
    texts = []
    while True:
        data, start = reader.read(position, most)
        if not data:
            return texts, position
        texts += [frame.text for frame in parse(data, start)]
        position = start + len(data)


@settings(max_examples=60, deadline=None)
@given(LINES, st.integers(1, 400), st.integers(60, 2000), st.integers(1, 5))
def test_a_reader_that_keeps_up_gets_every_line_once_over_rotations(
    lines: list[str], most: int, file_bytes: int, every: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log, reader = LogFile(folder, "app", file_bytes), LogReader(Path(folder), "app")
        position, texts = 0, []
        for number, line in enumerate(lines):
            log.write(OUT, line.encode() + b"\n")
            if number % every == 0 or number == len(lines) - 1 or reader.end() - position > file_bytes // 2:
                new, position = read_all(reader, position, most)
                texts += new
        assert texts == lines
        assert position == reader.end()
        assert len(os.listdir(folder)) <= 2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text("abc", min_size=1, max_size=20), min_size=1, max_size=60), st.integers(60, 300))
def test_a_reader_that_fell_behind_gets_the_newest_lines_in_order(lines: list[str], file_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = LogFile(folder, "app", file_bytes)
        for line in lines:
            log.write(OUT, line.encode() + b"\n")
        texts, _ = read_all(LogReader(Path(folder), "app"), 0, 1000)
        assert texts == lines[-len(texts) :]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.lists(st.integers(1, 50), max_size=20))
def test_bytes_become_the_same_lines_however_they_are_cut(data: bytes, cuts: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = LogFile(folder, "app")
        pipe = Pipe(OUT, log, Rate(-1))
        at = 0
        for cut in [*cuts, len(data)]:
            if piece := data[at : at + cut]:
                os.write(pipe.writer, piece)
                pipe.read()
            at += cut
        os.close(pipe.writer)
        pipe.finish()
        os.close(pipe.reader)
        texts, _ = read_all(LogReader(Path(folder), "app"), 0, 1000)
        expected = data.split(b"\n")
        if not expected[-1]:
            expected.pop()
        assert texts == [line.decode(errors="replace") for line in expected]


@given(st.integers(0, 3 * LINE_BYTES))
@settings(max_examples=15, deadline=None)
def test_no_piece_of_a_long_line_is_longer_than_allowed(length: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = LogFile(folder, "app")
        pipe = Pipe(OUT, log, Rate(-1))
        data = b"x" * length + b"\n"
        for at in range(0, len(data), 40_000):
            os.write(pipe.writer, data[at : at + 40_000])
            pipe.read()
        os.close(pipe.writer)
        pipe.finish()
        os.close(pipe.reader)
        texts, _ = read_all(LogReader(Path(folder), "app"), 0, 1_000_000)
        assert sum(map(len, texts)) == length
        assert all(len(text) <= LINE_BYTES for text in texts)


def test_a_line_that_a_full_disk_cut_short_does_not_stop_the_reader(tmp_path: Path) -> None:
    (tmp_path / f"app.{0:020d}").write_bytes(b"1 O whole\n1 O cut sho")
    (tmp_path / f"app.{21:020d}").write_bytes(b"2 O next\n")
    assert read_all(LogReader(tmp_path, "app"), 0, 1000)[0] == ["whole", "next"]


def test_a_new_receiver_starts_at_a_line(tmp_path: Path) -> None:
    log, reader = LogFile(str(tmp_path), "app"), LogReader(tmp_path, "app")
    for number in range(100):
        log.write(OUT, b"line %d\n" % number)
    near = reader.line_near(reader.end(), 100)
    texts, _ = read_all(reader, near, 1000)
    assert texts[-1] == "line 99"
    assert 1 <= len(texts) < 6
    assert reader.line_near(reader.end(), 10**6) == 0
