"""Finding a buildpack: a built-in one by its name, or one from the web (git or zip) by its URL."""

import asyncio
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from dea_agent.staging import package
from dea_agent.staging.errors import StagingFailed
from dea_agent.staging.sandbox import Emit, Sandbox

#: The order of detection, Cloud Foundry's. The last one takes whatever says itself how it starts.
ORDER = ("staticfile", "nodejs", "python", "binary")

#: Cloud Foundry's names end in this.
SUFFIX = "_buildpack"

#: Most bytes of a buildpack's zip.
MAX_ZIP_BYTES = 1024**3

FETCH = Path(__file__).with_name("fetch.py").read_text()


@dataclass(frozen=True, slots=True)
class Buildpack:
    """key: as the app asked for it. name: for people, without credentials. folder: the one that has ``bin``."""

    key: str
    name: str
    folder: Path

    def has(self, script: str) -> bool:
        return (self.folder / "bin" / script).exists()

    def script(self, name: str) -> str:
        return str(self.folder / "bin" / name)


class Library:
    """The built-in buildpacks and tools, in a copy that the staging users can read.

    ``source`` may lie where only the agent may look (a home folder); ``folder`` must not.
    """

    def __init__(self, source: Path, folder: Path) -> None:
        self.tools = folder / "tools"
        self._buildpacks = folder / "buildpacks"
        shutil.rmtree(self._buildpacks, ignore_errors=True)
        shutil.copytree(source, self._buildpacks, ignore=shutil.ignore_patterns("__pycache__"))
        for path in (self._buildpacks, *self._buildpacks.rglob("*")):
            # Archives and wheels lose modes; what lies in a bin folder is a program.
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        self.tools.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._copy_uv()

    def _copy_uv(self) -> None:
        """The platform's own uv, if it came with one: the fastest installer of Python packages."""
        uv = Path(sys.executable).with_name("uv")
        if uv.exists():
            # By rename, because an earlier agent's build may be running the old one.
            shutil.copyfile(uv, self.tools / "uv.new")
            (self.tools / "uv.new").chmod(0o755)
            (self.tools / "uv.new").rename(self.tools / "uv")

    def all(self) -> list[Buildpack]:
        """In the order of detection."""
        return [found for name in ORDER if (found := self.find(name))]

    def find(self, key: str) -> Buildpack | None:
        """By its short or its long name."""
        name = key.removesuffix(SUFFIX)
        folder = self._buildpacks / name
        return Buildpack(key, name + SUFFIX, folder) if name in ORDER and folder.is_dir() else None


def redacted(url: str) -> str:
    """The URL without user and password."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"***:***@{host}")) if at and user else url


async def fetch(key: str, sandbox: Sandbox, folder: Path, uid: int | None, emit: Emit) -> Buildpack:
    """The buildpack at a URL, into the new folder ``folder``. Raises StagingFailed."""
    try:
        parts = urlsplit(key)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("https", "http") or not parts.hostname:
        known = ", ".join(name + SUFFIX for name in ORDER)
        raise StagingFailed(
            "BuildpackCompileFailed",
            f"there is no buildpack {redacted(key) if parts.netloc else key!r}; name one of {known}, "
            "or give the https address of a git repository or of a .zip file",
        )
    url = urlunsplit(parts._replace(fragment=""))

    def emit_without_secrets(stream: str, line: str) -> None:
        emit(stream, line.replace(url, redacted(url)))

    emit("OUT", f"Downloading buildpack {redacted(key)}...")
    _make_folder(folder, uid)
    if parts.path.endswith(".zip"):
        await _fetch_zip(url, sandbox, folder, uid, emit_without_secrets)
    else:
        await _clone(url, parts.fragment, sandbox, folder / "clone", emit_without_secrets)
    emit("OUT", f"Downloaded buildpack {redacted(key)}")
    return Buildpack(key, redacted(key), _with_bin(folder))


def _make_folder(folder: Path, uid: int | None) -> None:
    folder.mkdir(mode=0o755)
    if uid is not None:
        os.chown(folder, uid, uid)


async def _fetch_zip(url: str, sandbox: Sandbox, folder: Path, uid: int | None, emit: Emit) -> None:
    target = folder / "buildpack.zip"
    argv = ["python3", "-I", "-c", FETCH, str(target), str(MAX_ZIP_BYTES)]
    status, words = await sandbox.run(argv, _silent, {"BUILDPACK_URL": url})
    if status:
        raise _failed(url, words)
    content = folder / "content"
    _make_folder(content, uid)
    await asyncio.to_thread(package.unpack, target, content, uid, "buildpack")


async def _clone(url: str, branch: str, sandbox: Sandbox, target: Path, emit: Emit) -> None:
    """Shallow if the server can; without questions, and by no protocol that reads this host's files."""
    env = {"GIT_ALLOW_PROTOCOL": "https:http", "GIT_TERMINAL_PROMPT": "0"}
    argv = ["git", "clone", "--quiet", "--recursive", *([f"--branch={branch}"] if branch else [])]
    status, _ = await sandbox.run([*argv, "--depth=1", "--", url, str(target)], _silent, env)
    if status:
        status, words = await sandbox.run([*argv, "--", url, str(target)], emit, env)
        if status:
            raise _failed(url, words)


def _failed(url: str, words: list[str]) -> StagingFailed:
    reason = words[-1].replace(url, redacted(url))[:500] if words else "no reason given"
    return StagingFailed("BuildpackCompileFailed", f"the buildpack {redacted(url)} could not be downloaded: {reason}")


def _silent(stream: str, line: str) -> None:
    """What a first attempt or a download says is of no use to anybody."""


def _with_bin(folder: Path) -> Path:
    """The folder that holds ``bin``: the repository's root, or the one folder that a zip is wrapped in."""
    root = folder / "clone" if (folder / "clone").is_dir() else folder / "content"
    inner = [entry for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink()]
    for candidate in (root, *inner[:1]):
        if (candidate / "bin").is_dir():
            return candidate
    raise StagingFailed("BuildpackCompileFailed", "the buildpack has no bin folder")
