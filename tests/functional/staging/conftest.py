"""A stager as an agent has it, against a real S3 over HTTP, and droplets that run from where they are unpacked."""

import asyncio
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from chalicelib.adapters.blobs import Blobs
from chalicelib.contracts.auction import Limits
from chalicelib.contracts.network import Egress
from chalicelib.contracts.runspec import StagingSpec
from chalicelib.contracts.staging import InstalledBuildpack, StagingFinished, StagingStart
from chalicelib.core.addresses import Allowed
from dea_agent.runtimes.base import LAUNCHER
from dea_agent.staging import Stager
from dea_agent.staging.sandbox import SYSTEM_PATH
from dea_agent.unpack import give, unpack
from tests.functional import s3

blobs, endpoint = s3.blobs, s3.endpoint

ROOT = Path(__file__).parents[3]
EXAMPLES, BUILDPACKS = ROOT / "examples", ROOT / "infra" / "stack" / "buildpacks"

#: Behind the users that apps of a local cloud run as.
UID_BASE = 42001 if os.geteuid() == 0 else None

#: Where the tests' own web servers are.
ALLOWED = Allowed.parse("127.0.0.1")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def zip_of(source: Path | dict[str, str | bytes]) -> bytes:
    """A folder, or name -> content; names that start in ``bin/`` or end in ``.sh`` are programs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        if isinstance(source, Path):
            for path in sorted(source.rglob("*")):
                target.write(path, path.relative_to(source))
        else:
            for name, content in source.items():
                info = zipfile.ZipInfo(name)
                is_program = "bin/" in name or name.endswith(".sh")
                info.create_system, info.external_attr = 3, (0o100755 if is_program else 0o100644) << 16
                target.writestr(info, content)
    return buffer.getvalue()


@dataclass
class Desk:
    """Puts an app in, has it staged, and keeps the log."""

    stager: Stager
    blobs: Blobs
    app_guid: str = "app"
    lines: list[tuple[str, str]] = field(default_factory=list)
    on_line: Callable[[str], None] = lambda line: None

    def request(
        self,
        app: Path | dict[str, str | bytes],
        *buildpacks: str,
        env: dict[str, str] | None = None,
        timeout_s: int = 120,
        limits: Limits = Limits(memory_mb=1024, disk_mb=1024),  # noqa: B008
        installed: tuple[InstalledBuildpack, ...] | None = None,
        egress: tuple[Egress, ...] = (),
    ) -> StagingStart:
        guid = uuid.uuid4().hex
        bits = zip_of(app)
        blobs, cache = self.blobs, f"buildcache/{self.app_guid}.tgz"
        blobs.put_bytes(f"packages/{guid}.zip", bits)
        spec = StagingSpec(guid, env or {}, json.dumps({"application_name": "tested"}), egress=egress)
        blobs.put_bytes(f"stagingspecs/{guid}.json", json.dumps(asdict(spec)).encode())
        return StagingStart(
            build_guid=guid,
            app_guid=self.app_guid,
            app_name="tested",
            instance_guid=f"i-{guid}",
            stack="cflinuxfs4",
            limits=limits,
            timeout_s=timeout_s,
            buildpacks=buildpacks,
            spec_url=blobs.presign_get(f"stagingspecs/{guid}.json"),
            package_url=blobs.presign_get(f"packages/{guid}.zip"),
            package_digest=f"sha256:{hashlib.sha256(bits).hexdigest()}",
            droplet_put_url=blobs.presign_put(f"droplets/{guid}.tgz"),
            cache_put_url=blobs.presign_put(cache),
            cache_url=blobs.presign_get(cache) if blobs.exists(cache) else None,
            installed=installed,
        )

    def installed(self, name: str, files: dict[str, str | bytes]) -> InstalledBuildpack:
        """A buildpack that an administrator has uploaded."""
        data = zip_of(files)
        self.blobs.put_bytes(f"buildpacks/{name}.zip", data)
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        return InstalledBuildpack(name, url=self.blobs.presign_get(f"buildpacks/{name}.zip"), digest=digest)

    def emit(self, stream: str, line: str) -> None:
        self.lines.append((stream, line))
        self.on_line(line)

    @property
    def log(self) -> str:
        return "\n".join(line for _, line in self.lines)

    def stage(self, request: StagingStart) -> StagingFinished:
        self.lines.clear()
        finished = self.finish(request)
        assert (finished.build_guid, finished.instance_guid) == (request.build_guid, request.instance_guid)
        assert (finished.droplet is None) == (finished.error_id is not None)
        return finished

    def finish(self, request: StagingStart) -> StagingFinished:
        return asyncio.run(self.stager.stage(request, self.emit))

    def unpacked(self, finished: StagingFinished, folder: Path) -> Path:
        """The droplet below ``folder``, as a DEA unpacks it for the user who runs it."""
        assert finished.droplet is not None, f"{finished.error_id}: {finished.error_detail}\n{self.log}"
        data = self.blobs.get_bytes(f"droplets/{finished.build_guid}.tgz")
        assert len(data) == finished.droplet.size_bytes
        target = folder / f"run-{uuid.uuid4().hex}"
        target.mkdir(mode=0o755)
        archive = target.with_suffix(".tgz")
        archive.write_bytes(data)
        unpack(archive, target, 1024**3)
        (target / "tmp").mkdir(exist_ok=True)
        give(target, None if UID_BASE is None else UID_BASE + 500)
        return target


@pytest.fixture
def buildpacks_dir() -> Path:
    return BUILDPACKS


@pytest.fixture
def desk(blobs: Blobs, open_folder: Path, buildpacks_dir: Path) -> Iterator[Desk]:
    work = open_folder / "staging"
    desk = Desk(Stager(work, open_folder / "cache", UID_BASE, buildpacks_dir, "dea-0", "boot", allowed=ALLOWED), blobs)
    yield desk
    assert list(work.iterdir()) == [], "a build left files behind"
    name = hashlib.sha256(str(work).encode()).hexdigest()[:12]
    assert not list(Path("/sys/fs/cgroup").glob(f"**/zf-staging-{name}")), "a build left a control group behind"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def running(droplet: Path, command: str, env: dict[str, str] | None = None) -> Iterator[Callable[[str], str]]:
    """The droplet as a DEA runs it; yields a function that gets a path."""
    port = free_port()
    user = {} if UID_BASE is None else {"user": UID_BASE + 500, "group": UID_BASE + 500, "extra_groups": []}
    process = subprocess.Popen(  # type: ignore[call-overload]
        ["/bin/bash", "-c", LAUNCHER, "launcher", command],
        cwd=droplet / "app",
        env={
            "PATH": SYSTEM_PATH,
            "HOME": str(droplet / "app"),
            "DEPS_DIR": str(droplet / "deps"),
            "TMPDIR": str(droplet / "tmp"),
            "PORT": str(port),
            "CF_INSTANCE_INDEX": "3",
            **(env or {}),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        **user,
    )

    def get(path: str) -> str:
        deadline = time.monotonic() + 15
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                    return str(answer.read().decode())
            except ConnectionError:
                pass
            except urllib.error.HTTPError as error:
                return f"{error.code} {error.read().decode()}"
            except urllib.error.URLError as error:
                if not isinstance(error.reason, ConnectionError):
                    raise
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise AssertionError(f"the app does not answer: {process.communicate()[0].decode()}")
            time.sleep(0.02)

    try:
        yield get
    finally:
        # What has sessions of its own must be asked first.
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
