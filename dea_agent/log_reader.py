"""Reading framed log files (see runtimes/shim.py) from any position, while they are written and rotated."""

import os
from dataclasses import dataclass
from pathlib import Path

STREAMS = {b"O": "OUT", b"E": "ERR"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One line. end: the offset behind it, which names it. timestamp: ns since the epoch. stream: OUT or ERR."""

    end: int
    timestamp: int
    stream: str
    text: str


def parse(data: bytes, offset: int) -> list[Frame]:
    """The frames in ``data``, which starts at ``offset`` and ends in a newline. What is no frame is passed over."""
    frames = []
    for line in data.split(b"\n")[:-1]:
        offset += len(line) + 1
        time, _, rest = line.partition(b" ")
        mark, _, text = rest.partition(b" ")
        if time.isdigit() and mark in STREAMS:
            frames.append(Frame(offset, int(time), STREAMS[mark], text.decode(errors="replace")))
    return frames


class LogReader:
    """The log ``stem`` in ``folder``. Offsets count all bytes ever written to it; a file's name is its first one."""

    def __init__(self, folder: Path, stem: str) -> None:
        self._folder, self.stem = folder, stem
        self._newest = 0

    def _bases(self) -> list[int]:
        names = (name.rpartition(".") for name in os.listdir(self._folder))
        return sorted(int(tail) for stem, _, tail in names if stem == self.stem and tail.isdecimal())

    def _path(self, base: int) -> Path:
        return self._folder / f"{self.stem}.{base:020d}"

    def end(self) -> int:
        """The offset behind the last byte; 0 when there is no log. Cheap, because it is asked all the time."""
        try:
            size = os.stat(self._path(self._newest)).st_size
            if size and self._path(self._newest + size).exists():
                self._newest += size
                return self.end()
            return self._newest + size
        except OSError:
            return self._search_end()

    def _search_end(self) -> int:
        try:
            bases = self._bases()
            if not bases:
                return 0
            self._newest = bases[-1]
            return self._newest + os.stat(self._path(self._newest)).st_size
        except OSError:
            return 0

    def read(self, position: int, most_bytes: int) -> tuple[bytes, int]:
        """Whole lines from ``position`` on, about ``most_bytes``, and the offset at which they start.

        They start later than ``position`` when what was there is gone, or was never finished.
        """
        try:
            bases = self._bases()
            base = max((base for base in bases if base <= position), default=min(bases, default=0))
            start = max(position, base)
            with self._path(base).open("rb") as file:
                file.seek(start - base)
                data = file.read(most_bytes)
                if data and b"\n" not in data:
                    data += file.readline()
        except OSError:  # not there yet, or rotated away in between
            return b"", position
        whole = data[: data.rfind(b"\n") + 1]
        if not whole and base != bases[-1]:
            return self.read(bases[bases.index(base) + 1], most_bytes)
        return whole, start

    def line_near(self, position: int, back: int) -> int:
        """The start of a line about ``back`` bytes before ``position``."""
        target = position - back
        if target <= 0:
            return 0
        data, start = self.read(target, back)
        return start + data.find(b"\n") + 1
