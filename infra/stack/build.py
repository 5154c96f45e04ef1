"""The stack image without a registry: mmdebstrap, the same setup as in the Dockerfile, and an import, in one stream.

mmdebstrap and not debootstrap: it unpacks with one run of apt, and takes a quarter of the time. The image's label is a
digest of all that its content is made from, so what has not changed is not built again.
"""

import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path

import docker
import requests
from docker.errors import ImageNotFound

from dea_agent.runtimes.docker import IMAGE

HERE = Path(__file__).parent
LIST, SETUP, DPKG = HERE / "packages.txt", HERE / "setup.sh", HERE / "dpkg.cfg"

SUITE, LABEL = "bookworm", "zerofoundry.stack"

#: Where Debian is fetched from, for machines that have a mirror.
MIRROR_VARIABLE, MIRROR = "ZF_DEBIAN_MIRROR", "http://deb.debian.org"

#: Mark of the sections that the small stack has.
SMALL = "*"

#: What the image says to every container, beside its label.
CHANGES = ("ENV LANG=C.UTF-8", "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")


class BuildError(Exception):
    """The image cannot be made. The text is for people."""


class NoArchive(Exception):
    """Nor could it on this machine as it is: Debian's archive does not answer, or tools are missing."""


def packages(text: str, is_small: bool) -> list[str]:
    """Names from the list, in its order. text: of packages.txt."""
    found, is_on = [], False
    for line in (line.strip() for line in text.splitlines()):
        if line.startswith("["):
            is_on = not is_small or SMALL in line
        elif is_on and line and not line.startswith("#"):
            found.append(line)
    return found


def digest(names: list[str], *texts: str) -> str:
    """Of everything that decides the content, as far as this repository decides it. texts: of its scripts."""
    parts = "\0".join((SUITE, *texts, *CHANGES, *names))
    return hashlib.sha256(parts.encode()).hexdigest()


def wanted_digest(is_small: bool) -> str:
    """Label of the image that this repository makes now."""
    return digest(packages(LIST.read_text(), is_small), SETUP.read_text(), DPKG.read_text())


def build(is_small: bool) -> str:
    """Make the image if it is not there already; returns a line for people.

    Raises BuildError, NoArchive, and what docker-py raises when no engine answers.
    """
    names, wanted = packages(LIST.read_text(), is_small), wanted_digest(is_small)
    client = docker.from_env()
    try:
        image = client.images.get(IMAGE)
        if image.labels.get(LABEL) == wanted:
            return f"{IMAGE} is up to date: {_mib(image.attrs['Size'])} MiB, {len(names)} packages asked for"
    except ImageNotFound:
        pass
    if os.geteuid() != 0 or not shutil.which("mmdebstrap"):
        raise NoArchive("making the stack needs root and mmdebstrap")
    started, mirror = time.monotonic(), os.environ.get(MIRROR_VARIABLE, MIRROR)
    try:
        # Not named before all of it is there.
        made = client.images.get(_import(bootstrap(mirror, names), wanted))
    except BuildError:
        _see_that_it_answers(mirror)
        raise
    made.tag(IMAGE)
    took = time.monotonic() - started
    return f"{IMAGE}: {_mib(made.attrs['Size'])} MiB, {len(names)} packages asked for, {took:.0f} s"


def _see_that_it_answers(mirror: str) -> None:
    try:
        requests.get(f"{mirror}/debian/dists/{SUITE}/Release", timeout=30).raise_for_status()
    except requests.RequestException:
        raise NoArchive(f"{mirror} does not answer") from None


def _mib(size: int) -> int:
    return round(size / 2**20)


def bootstrap(mirror: str, names: list[str]) -> list[str]:
    """The command that writes a Debian with the packages to its stdout, as a tar."""
    sources = ("debian {0} main", "debian {0}-updates main", "debian-security {0}-security main")
    return [
        *("unshare", "--mount", "--pid", "--fork"),  # whatever a package starts ends with it, and no mount is left
        *("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--format=tar", "--skip=output/dev"),
        *(
            f"--include={','.join(names)}",
            "--aptopt=APT::Install-Recommends false",
            "--aptopt=Acquire::Retries 3",
            f"--dpkgopt={DPKG}",
        ),
        # Some packages fail without the folders of manuals.
        '--essential-hook=mkdir -p "$1/usr/share/man/man1" "$1/usr/share/man/man7"',
        '--customize-hook=mv "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap" "$1/etc/dpkg/dpkg.cfg.d/stack"',
        f'--customize-hook=chroot "$1" sh -s < "{SETUP}"',
        # Of the machine that it is made on.
        '--customize-hook=rm -f "$1/etc/resolv.conf" "$1/etc/hostname" "$1/etc/apt/apt.conf.d/99mmdebstrap"',
        *(SUITE, "-", *(f"deb {mirror}/{source.format(SUITE)}" for source in sources)),
    ]


def _import(command: list[str], label: str) -> str:
    """What the command writes becomes an image, whose id is returned. As a stream: a file would be as large again."""
    changes = [word for change in (*CHANGES, f"LABEL {LABEL}={label}") for word in ("--change", change)]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": "/var/tmp"},
    ) as making:
        done = subprocess.run(
            ["docker", "import", *changes, "-"], stdin=making.stdout, capture_output=True, text=True, check=False
        )
        said = making.communicate()[1]
    if making.returncode or done.returncode:
        last = (said + done.stderr).strip().splitlines()[-15:]
        raise BuildError("\n".join(("the stack could not be made:", *last)))
    return done.stdout.strip()
