"""Figures, and how they are shown: a table for people, JSON beside it."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parents[1] / "bench-results"

#: Samples of each figure. Fewer show that a benchmark works, and nothing else.
ROUNDS = int(os.environ.get("ZF_BENCH_ROUNDS", "10"))


@dataclass
class Figure:
    """One measured thing: all samples, in ``unit``; ``aim`` in the same unit when there is one."""

    name: str
    unit: str
    samples: list[float]
    aim: float | None = None
    note: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    def percentile(self, share: float) -> float:
        ordered = sorted(self.samples)
        return ordered[min(len(ordered) - 1, round(share * len(ordered)))]


def timed(action: Callable[[], object]) -> float:
    """Seconds that ``action`` took."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def show(figures: list[Figure], name: str = "bench") -> Path:
    """Print the table and write ``bench-results/<name>.json``; returns its path."""
    table = Table(title=f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for column in ("what", "median", "min", "max", "n", "aim", "note"):
        table.add_column(column, justify="left" if column in ("what", "note") else "right")
    for figure in figures:
        table.add_row(
            figure.name,
            f"{figure.median:.3g} {figure.unit}",
            f"{min(figure.samples):.3g}",
            f"{max(figure.samples):.3g}",
            str(len(figure.samples)),
            "" if figure.aim is None else f"{figure.aim:g}",
            figure.note,
        )
    Console(width=150).print(table)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps([{**asdict(figure), "median": figure.median} for figure in figures], indent=2))
    return path
