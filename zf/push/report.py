"""Tells the phases of a push: bars on a terminal, one line each in a pipe, only the times for machines."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from zf.client.logs import Line
from zf.console import Console
from zf.text import harmless, seconds

if TYPE_CHECKING:
    from rich.progress import Progress

#: Where the times stand, in columns; fits 80.
TIME_COLUMN = 56


class Phase:
    """One phase at work. label: may be changed to what shall be said when it is done."""

    def __init__(
        self, console: Console, label: str, progress: "Progress | None" = None, total: int | None = None
    ) -> None:
        self.label = label
        self._console, self._progress, self._step = console, progress, ""
        self._task = progress.add_task(label, total=total) if progress else None

    def advance(self, count: int) -> None:
        if self._progress and self._task is not None:
            self._progress.advance(self._task, count)

    def at(self, position: int) -> None:
        if self._progress and self._task is not None:
            self._progress.update(self._task, completed=position)

    def status(self, label: str) -> None:
        """What happens right now, for those who watch."""
        if self._progress and self._task is not None:
            self._progress.update(self._task, description=label)

    def step(self, label: str) -> None:
        """As `status`, and a line of its own in a pipe: for what takes long and goes in few steps."""
        if label != self._step and not self._progress:
            self._console.say(f"   {label}")
        self._step = label
        self.status(label)

    def log(self, line: Line) -> None:
        """A line of the app's log, without its time and place: the phase tells those."""
        if self._console.as_json:
            return
        if self._progress:
            from rich.text import Text

            self._progress.console.print(Text("   ") + Text.from_ansi(harmless(line.text, self._console.colours)))
        else:
            self._console.say(f"   {line.text}")


class Report:
    """timings: seconds by phase, in the order they ended."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.timings: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str, label: str, total: int | None = None, announce: bool = False) -> Iterator[Phase]:
        """total: bytes to come. announce: say the label before, for a phase that takes long or shows a log."""
        started = time.monotonic()
        if announce and not self.console.tty:
            self.console.say(f"{label} ...")
        if self.console.tty:
            with _bars(self.console, total is not None) as progress:
                phase = Phase(self.console, label, progress, total)
                yield phase
        else:
            phase = Phase(self.console, label)
            yield phase
        taken = time.monotonic() - started
        self.timings[name] = round(self.timings.get(name, 0) + taken, 3)
        self.console.say(f"{phase.label:<{TIME_COLUMN}} {seconds(taken):>12}")


def _bars(console: Console, with_total: bool) -> "Progress":
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    sized = [BarColumn(bar_width=24), DownloadColumn()] if with_total else []
    text = TextColumn("{task.description}", markup=False)
    return Progress(SpinnerColumn(), text, *sized, TimeElapsedColumn(), console=console.rich, transient=True)
