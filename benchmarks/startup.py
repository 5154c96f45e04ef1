"""``zf local up`` to ready, and down."""

import shutil
import tempfile
from pathlib import Path

from benchmarks.report import ROUNDS, Figure, timed
from tests.support.platform import Platform


def run() -> list[Figure]:
    ups, downs = [], []
    for _ in range(ROUNDS):
        home = Path(tempfile.mkdtemp(prefix="zf-bench-"))
        platform = Platform(home)
        ups.append(timed(platform.up))
        downs.append(timed(platform.down))
        shutil.rmtree(home)
    return [Figure("local up to ready (2 DEAs, 1 router)", "s", ups, aim=5), Figure("local down", "s", downs)]
