"""A cloud of tiny components under the real supervisor. ``python -m tests.functional.local.fake_cloud HOME``."""

import os
import subprocess
import sys
import time
from pathlib import Path

from infra.local import folders, ops, processes, supervisor
from infra.local.child import Child
from infra.local.folders import Folders, State
from infra.local.plan import Component

ROOT = Path(__file__).parents[3]


def folders_of(home: Path) -> Folders:
    """The run folder beside the home: tests leave nothing under /var/lib."""
    return Folders(home, home.parent / "run")


def component() -> None:
    """What FAKE_HABIT says: ``good``, ``stubborn`` (ignores SIGTERM), ``hopeless`` (ends at once)."""
    habit = os.environ["FAKE_HABIT"]
    if habit == "hopeless":
        sys.exit("no such luck")
    stop = ops.stopping()
    if habit == "parent":
        # Like an app: a session and an environment of its own, at work in its folder.
        subprocess.Popen(["sleep", "600"], env={}, start_new_session=True, cwd=os.getcwd())
    ops.announce_ready(ops.serve(lambda: {"habit": habit}))
    stop.wait()
    if habit == "stubborn":
        time.sleep(600)


def main(home: str) -> None:
    where = folders_of(Path(home))
    where.make()
    me = processes.identify(os.getpid())
    assert me
    name, _, value = where.marker.partition("=")
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), name: value}
    habits = dict(pair.split("=") for pair in os.environ["FAKE_CLOUD"].split(","))
    parts = [
        Component(part, ("tests.functional.local.fake_cloud",), {**env, "FAKE_HABIT": habit}, restarts=part != "aws")
        for part, habit in habits.items()
    ]
    kept = State((me.pid, me.started), 1, "zf", "http://127.0.0.1:1", "localhost", "admin", "secret")
    assert folders.claim(where)
    supervisor.Supervisor(where, kept, [Child(part, where) for part in parts], lambda: True, {}, time.monotonic()).run()


if __name__ == "__main__":
    main(sys.argv[1]) if len(sys.argv) > 1 else component()
