"""A forked component is like a new one: its own session, environment, log and exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local import spawn
from infra.local.folders import Folders
from infra.local.plan import Component

ROOT = Path(__file__).parents[3]

PROBE = """
import json, os, sys, time
print(json.dumps({
    "sid": os.getsid(0) == os.getpid(), "cwd": os.getcwd(), "args": sys.argv[1:],
    "env": sorted(k for k in os.environ if k.startswith("PROBE_")), "ready": os.environ["ZF_READY_FILE"],
    "open": [int(fd) for fd in os.listdir("/proc/self/fd") if int(fd) > 2 and os.path.exists(f"/proc/self/fd/{fd}")],
}), flush=True)
sys.exit(7)
"""

PARENT = """
import os, sys
from pathlib import Path
from infra.local import spawn
from infra.local.folders import Folders
from infra.local.plan import Component

where = Folders(Path(sys.argv[1]), Path(sys.argv[2]))
spec = Component("probe", ("probe_module", "a", "b"), {"PROBE_OWN": "1", "PATH": os.environ["PATH"]})
leaky = os.open("/dev/null", os.O_RDONLY)
os.set_inheritable(leaky, True)
spawn.preload({"PROBE_COMMON": "1"})
child = spawn.fork(spec, where)
if child is None:
    spawn.become(spec, where)
else:
    print(child.wait())
"""


@pytest.mark.parametrize("way", ["fork", "new"])
def test_a_started_component_is_on_its_own(tmp_path: Path, way: str) -> None:
    where = Folders(tmp_path / "home", tmp_path / "run")
    where.make()
    (tmp_path / "probe_module.py").write_text(PROBE)
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    if way == "fork":
        command = [sys.executable, "-c", PARENT, str(where.home), str(where.run)]
        printed = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60).stdout
        assert printed.strip() == "7"
    else:
        own = {"PATH": os.environ["PATH"], "PROBE_OWN": "1", "PYTHONPATH": f"{ROOT}:{tmp_path}"}
        assert spawn.new(Component("probe", ("probe_module", "a", "b"), own), where).wait() == 7
    said = json.loads((where.logs / "probe.log").read_text())
    assert said == {
        "sid": True,
        "cwd": str(where.run),
        "args": ["a", "b"],
        "env": ["PROBE_OWN"],
        "ready": str(where.ready / "probe.json"),
        "open": [],
    }
