"""The stack image without a registry: debootstrap, the same setup as in the Dockerfile, and an import.

The image's label is a digest of all that its content is made from, so what has not changed is not built again.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import docker
from docker.errors import ImageNotFound

from dea_agent.runtimes.docker import IMAGE

HERE = Path(__file__).parent
LIST, SETUP = HERE / "packages.txt", HERE / "setup.sh"

SUITE, LABEL = "bookworm", "zerofoundry.stack"

#: Where Debian is fetched from, for machines that have a mirror.
MIRROR_VARIABLE, MIRROR = "ZF_DEBIAN_MIRROR", "http://deb.debian.org"

#: Mark of the sections that the small stack has.
SMALL = "*"

#: What the image says to every container, beside its label.
CHANGES = ("ENV LANG=C.UTF-8", "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")


class BuildError(Exception):
    """The image cannot be made. The text is for people."""


def packages(text: str, is_small: bool) -> list[str]:
    """Names from the list, in its order. text: of packages.txt."""
    found, is_on = [], False
    for line in (line.strip() for line in text.splitlines()):
        if line.startswith("["):
            is_on = not is_small or SMALL in line
        elif is_on and line and not line.startswith("#"):
            found.append(line)
    return found


def digest(names: list[str], setup: str) -> str:
    """Of everything that decides the content, as far as this repository decides it."""
    parts = "\0".join((SUITE, setup, *CHANGES, *names))
    return hashlib.sha256(parts.encode()).hexdigest()


def build(is_small: bool) -> str:
    """Make the image if it is not there already; returns a line for people.

    Raises BuildError, and what docker-py raises when no engine answers.
    """
    names = packages(LIST.read_text(), is_small)
    wanted = digest(names, SETUP.read_text())
    client = docker.from_env()
    try:
        image = client.images.get(IMAGE)
        if image.labels.get(LABEL) == wanted:
            return f"{IMAGE} is up to date: {_mib(image.attrs['Size'])} MiB, {len(names)} packages asked for"
    except ImageNotFound:
        pass
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="zf-stack-", dir="/var/tmp") as folder:
        root = Path(folder) / "root"
        bootstrap(root, names)
        unpacked = time.monotonic()
        _import(root, wanted)
    size = client.images.get(IMAGE).attrs["Size"]
    took, importing = time.monotonic() - started, time.monotonic() - unpacked
    return f"{IMAGE}: {_mib(size)} MiB, {len(names)} packages asked for, {took:.0f} s ({importing:.0f} of them import)"


def _mib(size: int) -> int:
    return round(size / 2**20)


def bootstrap(root: Path, names: list[str]) -> None:
    """A Debian with the packages below ``root``. Raises BuildError."""
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        raise BuildError("making the stack needs root and debootstrap")
    mirror = os.environ.get(MIRROR_VARIABLE, MIRROR)
    _run("debootstrap", "--variant=minbase", SUITE, str(root), f"{mirror}/debian")
    shutil.copy(SETUP, root / "setup.sh")
    # In namespaces of its own: whatever a package starts ends with it, and no mount is left.
    inside = 'mount -t proc proc "$0/proc" && exec chroot "$0" env MIRROR="$1" sh /setup.sh "${@:2}"'
    _run("unshare", "--mount", "--pid", "--fork", "bash", "-c", inside, str(root), mirror, *names)
    (root / "setup.sh").unlink()
    for name in ("etc/resolv.conf", "etc/hostname"):  # of the machine that it was made on
        (root / name).unlink(missing_ok=True)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-15:]
        raise BuildError("\n".join((f"{command[0]} failed:", *last)))


def _import(root: Path, label: str) -> None:
    """The folder becomes the image, as a stream: a file of it would be as large again."""
    changes = [word for change in (*CHANGES, f"LABEL {LABEL}={label}") for word in ("--change", change)]
    with subprocess.Popen(
        ["tar", "--numeric-owner", "--exclude=./proc/*", "--exclude=./dev/*", "-C", str(root), "-c", "."],
        stdout=subprocess.PIPE,
    ) as tar:
        done = subprocess.run(
            ["docker", "import", *changes, "-", IMAGE], stdin=tar.stdout, capture_output=True, text=True, check=False
        )
    if done.returncode or tar.returncode:
        raise BuildError(f"docker import failed: {done.stderr.strip()}")
