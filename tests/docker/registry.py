"""Registries for tests: Debian's own on loopback, and images so small that they are pushed at once."""

import io
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import httpx
from docker.errors import NotFound

from infra.local.machine import free_ports

BUSYBOX = Path("/bin/busybox")

#: Answers with the words that it is given; says its variables and its user.
SERVE = """#!/bin/sh
trap 'echo told to end; exit 0' TERM
echo serving on $PORT as $(id -u)
echo trouble >&2
mkdir /tmp/www && cd /tmp/www && echo "$1" > index.html && env > env && id > id
httpd -f -p $PORT & wait $!
"""

HTPASSWD = ("me", "hunter2")


@dataclass
class Registry:
    """folder: all it keeps. users: none lets everybody in."""

    folder: Path
    is_private: bool = False
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        config = f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {self.folder}/data}}}}\n"
        config += f"http: {{addr: '127.0.0.1:{self.port}'}}\n"
        if self.is_private:
            users = self.folder / "users"
            with users.open("wb") as file:
                subprocess.run(["htpasswd", "-Bbn", *HTPASSWD], stdout=file, check=True)
            config += f"auth: {{htpasswd: {{realm: test, path: {users}}}}}\n"
        (self.folder / "config.yml").write_text(config)
        with (self.folder / "log").open("ab") as out:
            command = ["docker-registry", "serve", str(self.folder / "config.yml")]
            self.process = subprocess.Popen(command, stdout=out, stderr=out)
        deadline = time.monotonic() + 20
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{self.port}/v2/")
                return
            except httpx.HTTPError:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.05)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def name(self, image: str) -> str:
        return f"127.0.0.1:{self.port}/{image}"

    def push(self, image: str, *changes: str, script: str = SERVE) -> str:
        """Its name. It is here only in the registry then. changes: lines of a Dockerfile."""
        client, name = docker.from_env(), self.name(image)
        repository, _, tag = name.rpartition(":")
        made = client.api.import_image_from_data(_root(script), repository=repository, tag=tag, changes=list(changes))
        assert '"error"' not in str(made), made
        auth = dict(zip(("username", "password"), HTPASSWD, strict=True)) if self.is_private else {}
        said = client.images.push(repository, tag, auth_config=auth)
        assert '"error"' not in said, said
        client.images.remove(name, force=True)
        return name


def _root(script: str) -> bytes:
    """A root file system with a shell and little else, as a tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        _add(tar, "bin/busybox", BUSYBOX.read_bytes())
        for name in ("sh", "httpd", "id", "env", "echo", "mkdir", "cat", "sleep", "dd", "touch", "ls", "yes", "wget"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        _add(tar, "serve", script.encode())
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(folder)
        _add(tar, "etc/passwd", b"root:x:0:0::/:/bin/sh\nweb:x:1234:1234::/:/bin/sh\n")
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o755
    tar.addfile(info, io.BytesIO(data))


@contextmanager
def registry(folder: Path, is_private: bool = False) -> Iterator[Registry]:
    folder.mkdir()
    one = Registry(folder, is_private)
    one.start()
    try:
        yield one
    finally:
        one.stop()


def missing() -> Sequence[str]:
    """Debian's packages that are not here."""
    programs = {"docker-registry": "docker-registry", "htpasswd": "apache2-utils", "busybox": "busybox-static"}
    return [package for program, package in programs.items() if not shutil.which(program)]


def forget(names: Sequence[str]) -> None:
    """Take images from the engine, as if they had never been here."""
    client: Any = docker.from_env()
    for image in client.images.list():
        for known in (*image.attrs["RepoTags"], *image.attrs["RepoDigests"]):
            if any(known.startswith(name.rpartition(":")[0]) for name in names):
                with suppress(NotFound):
                    client.images.remove(known, force=True)
