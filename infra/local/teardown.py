"""The end of a cloud: no process, container, mount, port or file of it stays.

The agents end what only they know well (apps, containers, cgroups, Envoys); what is left of them is found by its
marks. Everything here may run twice, and works without a supervisor and with half of the cloud gone.
"""

import logging
import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from dea_agent import runtimes
from infra.local import processes
from infra.local.folders import Folders

log = logging.getLogger(__name__)

#: How long an agent may take to end what it runs, and a process to end after SIGTERM. Seconds.
AGENT_S, PROCESS_S = 15, 5

MOUNTS = Path("/proc/self/mounts")

_opener = build_opener(ProxyHandler({}))


def ask_agents(addresses: Mapping[str, str]) -> None:
    """Have DEAs stop all they run, and routers their Envoys. addresses: http by component name."""
    paths = {"dea": "/stop-all", "router": "/stop"}
    calls = [
        http + paths[name.partition("-")[0]] for name, http in addresses.items() if name.partition("-")[0] in paths
    ]
    with ThreadPoolExecutor(max_workers=max(1, len(calls))) as pool:
        for _ in pool.map(_post, calls):
            pass


def _post(url: str) -> None:
    try:
        with _opener.open(Request(url, method="POST"), timeout=AGENT_S) as answer:
            answer.read()
    except (URLError, OSError, ValueError) as error:
        log.warning("%s: %s", url, error)


def end_processes(known: Mapping[str, processes.Process], folders: Folders, spare: Iterable[processes.Process]) -> None:
    """End the components, AWS last, and then whatever else carries this cloud's marks. ``spare``: ourselves."""
    processes.end([process for name, process in known.items() if name != "aws"], PROCESS_S)
    processes.end([process for name, process in known.items() if name == "aws"], PROCESS_S)
    # Twice, for what a stray may have started while it was being looked for.
    for _ in range(2):
        processes.end(processes.strays(folders.marker, folders.run) - set(spare), PROCESS_S)


def remove_rest(folders: Folders) -> None:
    """Containers, mounts and files."""
    _remove_containers(folders)
    for mount in reversed(mounts_under(folders.run, MOUNTS.read_text())):
        subprocess.run(["umount", "-l", mount], check=False, capture_output=True)
    folders.remove()


def mounts_under(folder: Path, table: str) -> list[str]:
    """Mount points below ``folder`` in the order of mounting. table: /proc/mounts, where a space is ``\\040``."""
    points = [line.split(" ")[1].encode().decode("unicode_escape") for line in table.splitlines()]
    return [point for point in points if point.startswith(f"{folder}/")]


def _remove_containers(folders: Folders) -> None:
    """What a DEA that was killed has left running; one that has ended in good order took its folder along."""
    if "docker" in [note.read_text() for note in folders.run.glob(f"*/{runtimes.NOTE}")]:
        # Imported here: it takes 0.2 s that most clouds need not spend.
        from dea_agent.runtimes import docker

        docker.remove_all(str(folders.run))
