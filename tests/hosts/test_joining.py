"""A machine of its own, with the command and nothing else, becomes a host of the site and is let go."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.hosts.site import Machine, Site, stop_all
from tests.support.platform import ROOT, ZF, eventually

NAME = "lab-1"
COMMAND = ("--ports", "21000-21400", "--memory", "2G", "--disk", "8G", "--runtime", "process")


@contextmanager
def elsewhere(site: Site, folder: Path, token: str) -> Iterator[Machine]:
    """It knows no variable of the platform's, and has no login."""
    folder.mkdir(mode=0o711)
    machine = Machine("zf-dea-c", 12, folder, {}, {})
    machine.plug_in(site.inner)
    env = {key: text for key, text in os.environ.items() if not key.startswith(("AWS_", "ZF_"))}
    env |= {"ZF_HOME": str(folder), "ZF_UID_BASE": "52001", "ZF_DISK_FULL_PERCENT": "99", "TMPDIR": str(folder)}
    env |= {"ZF_READY_FILE": str(folder / "dea.ready")}
    join = [str(ZF), "dea", "join", f"http://localhost:{site.inner[1]}", token, "--host", machine.address]
    try:
        with open(folder / "dea.log", "wb") as log:
            machine.running["dea"] = subprocess.Popen(
                machine.inside(*join, "--dir", str(folder / "dea"), *COMMAND),
                env=env,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually((folder / "dea.ready").exists, 60)
        yield machine
    finally:
        stop_all(machine)
        machine.remove()


def test_a_machine_elsewhere_joins_serves_through_the_routers_and_is_let_go(site: Site) -> None:
    platform, name = site.platform, "hosts-joined"
    token = platform.json("admin", "invite", NAME)["token"]
    with elsewhere(site, site.routers["zf-router-a"].folder.parent / "zf-dea-c", token) as machine:
        try:
            eventually(lambda: _state(site, NAME) == "UP", 60)
            for dea in site.deas:
                platform.zf("admin", "cordon", dea)
            eventually(lambda: all(_state(site, dea) == "CORDONED" for dea in site.deas), 30)
            platform.zf("push", name, "-p", ROOT / "tests" / "apps" / "echo")
            assert len(site.running(machine, name)) == 1
            eventually(lambda: platform.get(name).status_code == 200)
            said = platform.zf("logs", name, "--recent").stdout
            assert "APP/PROC/WEB" in said, "its lines get to the routers, too"
            for dea in site.deas:
                platform.zf("admin", "uncordon", dea)
            platform.zf("admin", "revoke", NAME, "-f")
            assert machine.running["dea"].wait(90) == 0, "it drains, and ends"
            eventually(lambda: platform.get(name).status_code == 200)
            machine.running["dea"] = again = subprocess.Popen(
                machine.inside(str(ZF), "dea", "run", "--dir", str(machine.folder / "dea")),
                env={**os.environ, "ZF_DISK_FULL_PERCENT": "99"},
                stderr=subprocess.PIPE,
            )
            assert again.stderr
            refused = next(line for line in again.stderr if b"the platform has let this host go" in line)
            assert f"Host {NAME} was revoked at" in refused.decode()
            again.send_signal(signal.SIGKILL)
        finally:
            for dea in site.deas:
                platform.zf("admin", "uncordon", dea, check=False)
            platform.zf("delete", name, "-f", "-r", check=False)


def _state(site: Site, name: str) -> Any:
    """Raises KeyError before it was heard."""
    return {one["id"]: one["state"] for one in site.platform.json("admin", "hosts")}[name]
