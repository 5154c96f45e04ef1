"""``python -m infra.cost.measure [seconds]``: count what a platform does at rest, and for a push; writes rates.json.

A platform of two DEAs and a router comes up in a home of its own, with a hook in botocore that writes down every call.
It is watched without instances, with ten and with thirty; sizes of items and messages are then a straight line over
the instances per DEA. Its timers are the local ones: what it counts is told per sweep, turn or message, and the model
knows the cloud's intervals.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chalicelib.core.timers import LOCAL
from infra.cost.reading import Window, summary

HERE = Path(__file__).parent
RATES = HERE / "rates.json"
DEAS, ROUTERS = 2, 1
#: Instances in the watched windows.
STEPS = (0, 10, 30)
#: After a change: all samples taken, all sweeps seen, seconds.
SETTLE_S = 15
PUSHES = 3


class Cloud:
    """A platform of our own, driven by ``zf`` as a user does."""

    def __init__(self, home: Path, calls: Path) -> None:
        self._home, self.calls = home, calls
        paths = [str(HERE / "hook"), *filter(None, [os.environ.get("PYTHONPATH")])]
        hook = {"PYTHONPATH": os.pathsep.join(paths), "ZF_COST_FOLDER": str(calls)}
        self._watched = {**os.environ, "ZF_HOME": str(home), "NO_COLOR": "1", **hook}

    def zf(self, *arguments: object) -> str:
        """Raises CalledProcessError, with what it printed on our standard error."""
        command = [str(Path(sys.executable).parent / "zf"), *map(str, arguments)]
        done = subprocess.run(command, env=self._watched, cwd=self._home, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def window(self, seconds: float, instances: int, action: Callable[[], object] | None = None) -> Window:
        """What is called in this time; with an action, until it is done and for ``seconds`` after."""
        began = time.time()
        if action is not None:
            action()
        time.sleep(seconds)
        return Window.read(self.calls, began, time.time(), DEAS, instances)


def measure(seconds: float) -> dict[str, Any]:
    home, calls = Path(tempfile.mkdtemp(prefix="zf-cost-")), Path(tempfile.mkdtemp(prefix="zf-cost-calls-"))
    calls.chmod(0o711)
    cloud = Cloud(home, calls)
    app = home / "app"
    shutil.copytree(HERE.parents[1] / "tests" / "apps" / "echo", app)
    resting = []
    try:
        cloud.zf("local", "up", "--port", 0, "--deas", DEAS, "--routers", ROUTERS, "--runtime", "process", "--detach")
        for instances in STEPS:
            if instances == STEPS[1]:
                cloud.zf("push", "cost", "-p", app, "-m", "32M", "-k", "64M", "-i", instances)
            elif instances:
                cloud.zf("scale", "cost", "-i", instances)
            time.sleep(SETTLE_S)
            resting.append(cloud.window(seconds, instances))
            print(f"watched for {seconds:g} s with {instances} instances", file=sys.stderr, flush=True)
        cloud.zf("scale", "cost", "-i", 1)
        time.sleep(SETTLE_S)

        def push() -> None:
            (app / "changed.txt").write_text(str(time.time()))
            cloud.zf("push", "cost", "-p", app, "-i", 1)

        pushes = [cloud.window(SETTLE_S, 1, push) for _ in range(PUSHES)]
    finally:
        cloud.zf("local", "down")
        shutil.rmtree(home, ignore_errors=True)
    found = summary(resting, pushes, LOCAL)
    shutil.rmtree(calls, ignore_errors=True)
    return found


def main(seconds: float) -> None:
    rates = {
        "command": f"python -m infra.cost.measure {seconds:g}",
        "measured": time.strftime("%Y-%m-%d", time.gmtime()),
        **measure(seconds),
    }
    RATES.write_text(json.dumps(rates, indent=2) + "\n")
    print(f"wrote {RATES}", file=sys.stderr)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 40)
