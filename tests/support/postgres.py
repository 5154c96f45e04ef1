"""A PostgreSQL server of a test's own, from Debian's package, in a folder that is gone afterwards."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PASSWORD = "cluster-password"


def binaries() -> Path | None:
    """The folder of ``initdb`` and ``postgres``, or None: Debian keeps them out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    return Path(elsewhere).resolve().parent if elsewhere else None


def _account() -> str | None:
    """PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextmanager
def a_server() -> Iterator[str]:
    """The URL of its superuser."""
    folder = binaries()
    assert folder is not None, "PostgreSQL is not installed: apt-get install postgresql"
    account = _account()
    home = Path(tempfile.mkdtemp(prefix="zf-pg-"))
    (home / "password").write_text(PASSWORD)
    if account is not None:
        for path in (home, home / "password"):
            shutil.chown(path, account)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = home / "data"
    flags = ["-U", "postgres", "--auth=scram-sha-256", f"--pwfile={home / 'password'}", "--locale=C", "--no-sync"]
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "LC_ALL": "C"}
    subprocess.run(
        [folder / "initdb", "-D", data, *flags],
        user=account,
        env=environment,
        cwd=home,
        check=True,
        capture_output=True,
    )
    settings = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": "", "fsync": "off"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [folder / "postgres", "-D", data, *options],
            user=account,
            env=environment,
            cwd=home,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(server, port, home / "log")
        yield f"postgresql://postgres:{PASSWORD}@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)  # ends sessions, too
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(home, ignore_errors=True)


def _wait(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + 30
    while b"ready to accept connections" not in log.read_bytes():
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < deadline, f"no PostgreSQL on port {port} after 30 s"
        time.sleep(0.02)
