"""What this machine has to give: memory, disk, free ports."""

import random
import shutil
import socket
from pathlib import Path

from infra.local.plan import OWN_PORTS, Machine

MEMINFO = Path("/proc/meminfo")

#: Where a container's own memory limit is told, by cgroup version 2 and 1.
MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def look(folder: Path, ports: int) -> Machine:
    """folder: where instances will lie. ports: how many free ones are needed."""
    return Machine(memory_mb(), shutil.disk_usage(folder).free // 2**20, free_ports(ports))


def memory_mb() -> int:
    """The machine's memory, or what a container around us is allowed of it."""
    total = int(MEMINFO.read_text().split()[1]) * 1024
    for path in MEMORY_LIMITS:
        try:
            total = min(total, int(path.read_text()))
        except (OSError, ValueError):
            continue  # no such cgroup version, or "max"
    return total // 2**20


def free_ports(count: int) -> tuple[int, ...]:
    """Ports on loopback that nobody listens on now, below those that the system gives to outgoing connections."""
    found: list[int] = []
    for port in random.sample(OWN_PORTS, len(OWN_PORTS)):
        if len(found) == count:
            break
        if is_free(port):
            found.append(port)
    return tuple(found)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def holder(port: int) -> str:
    """Who listens on a port, as far as we may see: "python3 (process 123)", or nothing."""
    wanted = f":{port:04X}"
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1].endswith(wanted) and fields[3] == "0A":  # LISTEN
                inodes.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and any(str(fd.readlink()) in inodes for fd in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:
            continue
    return ""
