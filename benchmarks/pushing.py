"""First push and one-file re-push of ``examples/static`` (20 files) by ``zf``."""

import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.report import ROUNDS, Figure, timed
from tests.support.platform import ROOT, a_platform


def run() -> list[Figure]:
    first, again = [], []
    with a_platform() as platform, tempfile.TemporaryDirectory() as scratch:
        for number in range(ROUNDS):
            folder = Path(scratch) / f"static-{number}"
            shutil.copytree(ROOT / "examples" / "static", folder)
            (folder / "unique.html").write_text(f"<p>{time.time()}")
            name = f"bench-{number}"
            first.append(timed(lambda: platform.push(name, folder=folder)))  # noqa: B023 (called at once)
            (folder / "unique.html").write_text(f"<p>again {time.time()}")
            again.append(timed(lambda: platform.push(name, folder=folder)))  # noqa: B023 (called at once)
            platform.zf("delete", name, "-f", "-r")
    return [
        Figure("first push of examples/static", "s", first, aim=4),
        Figure("push again with one file changed", "s", again, aim=3),
    ]
