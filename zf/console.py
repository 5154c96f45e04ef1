"""Where output goes: people's text and tables or one JSON document on stdout, problems on stderr.

On a terminal rich draws tables and bars; in a pipe there are plain aligned lines without control characters, which
also saves importing rich (130 ms). NO_COLOR (any value) takes away colours and styles.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

from zf.text import harmless

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from zf.client.errors import ZfError
    from zf.client.logs import Line

STATE_STYLES = {
    "RUNNING": "green",
    "STARTED": "green",
    "STARTING": "yellow",
    "CRASHED": "red",
    "DOWN": "red",
    "STOPPED": "dim",
}


class Console:
    def __init__(
        self,
        as_json: bool = False,
        out: TextIO | None = None,
        err: TextIO | None = None,
        env: Mapping[str, str] = os.environ,
    ) -> None:
        self.as_json, self.out, self.err = as_json, out or sys.stdout, err or sys.stderr
        self.tty = not as_json and self.out.isatty() and env.get("TERM") != "dumb"
        self.colours = self.tty and not env.get("NO_COLOR")

    @cached_property
    def rich(self) -> "RichConsole":
        from rich.console import Console as RichConsole

        return RichConsole(
            file=self.out, color_system="auto" if self.colours else None, highlight=False, markup=False, soft_wrap=False
        )

    def say(self, text: str = "", style: str = "") -> None:
        """A line for people; nothing when the output is for machines."""
        if self.as_json:
            return
        text = harmless(text)
        if style and self.colours:
            self.rich.print(text, style=style, soft_wrap=True)
        else:
            print(text, file=self.out, flush=True)

    def warn(self, text: str) -> None:
        print(harmless(text), file=self.err, flush=True)

    def result(self, value: Any) -> None:
        """The answer for machines; nothing when the output is for people."""
        if self.as_json:
            print(json.dumps(value, indent=2, ensure_ascii=False), file=self.out, flush=True)

    def problem(self, error: "ZfError") -> None:
        if error.log and not error.log_was_shown:
            self.warn("The last lines of the log:")
            for line in error.log:
                self.warn(f"   {line}")
        self.warn(f"Error: {error.message}{'' if error.message.endswith(('.', '?', '!')) else '.'}")
        if error.hint:
            self.warn(f"  {error.hint}")

    def line(self, line: "Line") -> None:
        """One log line: 2026-11-23T15:44:40.12 [APP/PROC/WEB/0] OUT text."""
        from zf.text import at_ns

        where = f"{line.source}/{line.instance}" if line.instance else line.source
        head = f"{at_ns(line.timestamp)} [{harmless(where)}] {'ERR' if line.type == 'ERR' else 'OUT'}"
        print(f"{head} {harmless(line.text, self.colours)}", file=self.out, flush=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Nothing when the output is for machines. A column named in brackets, [cpu], is aligned right."""
        if self.as_json:
            return
        right = [name.startswith("[") for name in columns]
        names = [name.strip("[]") for name in columns]
        cells = [[harmless(cell) for cell in row] for row in rows]
        if self.tty:
            self._draw(names, right, cells)
            return
        widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
        for row in [names, *cells]:
            padded = (
                cell.rjust(width) if to_right else cell.ljust(width)
                for cell, width, to_right in zip(row, widths, right, strict=True)
            )
            print("  ".join(padded).rstrip(), file=self.out)
        self.out.flush()

    def _draw(self, names: list[str], right: list[bool], cells: list[list[str]]) -> None:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for name, to_right in zip(names, right, strict=True):
            wide = name in ("name", "urls", "url", "details", "description", "apps")
            table.add_column(name, justify="right" if to_right else "left", overflow="fold", no_wrap=not wide)
        for row in cells:
            table.add_row(*(Text(cell, style=STATE_STYLES.get(cell.upper(), "")) for cell in row))
        self.rich.print(table)
