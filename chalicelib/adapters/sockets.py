"""The host's TCP sockets from ``/proc/net/tcp``: who is connected to an app's port, who listens there, and whose a
socket is."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ESTABLISHED = 0x01
LISTEN = 0x0A

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


@dataclass(frozen=True, slots=True)
class Socket:
    """One row: ports of this end and the other, state as the kernel numbers it, and the user who owns this end."""

    local_port: int
    remote_port: int
    state: int
    uid: int


def parse(table: str) -> Iterator[Socket]:
    """Rows of a table; the first line is its heading."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        yield Socket(
            int(fields[1].rpartition(":")[2], 16),
            int(fields[2].rpartition(":")[2], 16),
            int(fields[3], 16),
            int(fields[7]),
        )


def _in_state(state: int) -> Iterator[Socket]:
    for table in TABLES:
        try:
            text = table.read_text()
        except OSError:
            continue
        yield from (socket for socket in parse(text) if socket.state == state)


def established() -> Iterator[Socket]:
    return _in_state(ESTABLISHED)


def listeners(port: int) -> set[int]:
    """The users who listen at a port of this host, at whichever of its addresses."""
    return {socket.uid for socket in _in_state(LISTEN) if socket.local_port == port}


def connections_to(port: int) -> int:
    """Open connections that others hold to a port of this host."""
    return sum(socket.local_port == port for socket in established())


def uid_of(local_port: int, remote_port: int) -> int | None:
    """Who owns the end at ``local_port`` of a connection within this host; None when there is no such one."""
    for socket in established():
        if (socket.local_port, socket.remote_port) == (local_port, remote_port):
            return socket.uid
    return None
