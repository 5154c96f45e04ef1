"""Buildpacks from the web, by git or as a zip.

The host is looked up once, here, and judged (``core/addresses``); what fetches runs in the sandbox, connects to the
address that was judged, and follows no redirect.
"""

import asyncio
import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit, urlunsplit

from chalicelib.adapters.outside import place_of, resolve
from chalicelib.core.addresses import AddressRefused, Allowed
from dea_agent.staging import package
from dea_agent.staging.buildpacks import Buildpack, with_bin
from dea_agent.staging.errors import StagingFailed
from dea_agent.staging.sandbox import Emit, Sandbox

#: Most bytes of a buildpack's zip.
MAX_ZIP_BYTES = 1024**3

#: Repositories within a repository: how deep, and how many on one level.
MAX_DEPTH, MAX_MODULES = 3, 20

FETCH = Path(__file__).with_name("fetch_zip.py").read_text()


@dataclass(frozen=True, slots=True)
class Downloads:
    """Of one build: where its buildpacks are fetched, as whom, and what the operator allows."""

    sandbox: Sandbox
    emit: Emit
    uid: int | None
    allowed: Allowed


def redacted(url: str) -> str:
    """The URL without user and password."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"***:***@{host}")) if at and user else url


def is_address(key: str) -> bool:
    """Whether it names a place in the web, as an app's buildpack may."""
    try:
        parts = urlsplit(key)
        return parts.scheme in ("https", "http") and bool(parts.hostname)
    except ValueError:
        return False


async def fetch(key: str, folder: Path, downloads: Downloads) -> Buildpack:
    """The buildpack at a URL, into the new folder ``folder``. Raises StagingFailed."""
    parts = urlsplit(key)
    url = urlunsplit(parts._replace(fragment=""))
    downloads.emit("OUT", f"Downloading buildpack {redacted(key)}...")
    _make_folder(folder, downloads.uid)
    if parts.path.endswith(".zip"):
        root = await _fetch_zip(url, folder, downloads)
    else:
        root = await _clone(url, parts.fragment, folder / "clone", downloads)
    downloads.emit("OUT", f"Downloaded buildpack {redacted(key)}")
    return Buildpack(key, redacted(key), with_bin(root))


def _make_folder(folder: Path, uid: int | None) -> None:
    folder.mkdir(mode=0o755)
    if uid is not None:
        os.chown(folder, uid, uid)


async def _address_of(url: str, allowed: Allowed) -> tuple[str, int, str]:
    """Host, port, and the address to connect to. Raises StagingFailed."""
    try:
        _, host, port = place_of(url)
        return host, port, await asyncio.to_thread(resolve, host, port, allowed)
    except AddressRefused as error:
        raise _failed(url, [str(error)]) from None


async def _fetch_zip(url: str, folder: Path, downloads: Downloads) -> Path:
    target, content = folder / "buildpack.zip", folder / "content"
    _, _, address = await _address_of(url, downloads.allowed)
    argv = ["python3", "-I", "-c", FETCH, downloads.sandbox.inside(target), str(MAX_ZIP_BYTES), address]
    status, words = await downloads.sandbox.run(argv, _silent, {"BUILDPACK_URL": url})
    if status:
        raise _failed(url, words)
    _make_folder(content, downloads.uid)
    await asyncio.to_thread(package.unpack, target, content, downloads.uid, "buildpack")
    return content


async def _clone(url: str, branch: str, target: Path, downloads: Downloads, depth: int = 0) -> Path:
    """Shallow if the server can; without questions, and by no protocol that reads this host's files."""
    host, port, address = await _address_of(url, downloads.allowed)
    # The last word on where to connect: not what the name says when git asks again.
    place = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    git = ["git", "-c", "http.followRedirects=false", "-c", f"http.curloptResolve={host}:{port}:{place}"]
    env = {"GIT_ALLOW_PROTOCOL": "https:http", "GIT_TERMINAL_PROMPT": "0"}
    argv = [*git, "clone", "--quiet", *([f"--branch={branch}"] if branch else [])]

    def without_secrets(stream: str, line: str) -> None:
        downloads.emit(stream, line.replace(url, redacted(url)))

    run, inside = downloads.sandbox.run, downloads.sandbox.inside(target)
    # Of a repository within another one a certain commit is wanted, which need not be the last.
    shallow = 1 if depth else (await run([*argv, "--depth=1", "--", url, inside], _silent, env))[0]
    if shallow:
        status, words = await run([*argv, "--", url, inside], without_secrets, env)
        if status:
            raise _failed(url, words)
    await _fill_modules(url, target, downloads, depth)
    return target


async def _fill_modules(url: str, target: Path, downloads: Downloads, depth: int) -> None:
    """The repositories within the repository, each from where it is said to be, under the same rules."""
    if not (target / ".gitmodules").is_file():
        return
    git = ["git", "-C", downloads.sandbox.inside(target)]
    lines: list[str] = []

    def keep(stream: str, line: str) -> None:
        if stream == "OUT" and len(lines) < 2 * MAX_MODULES + 2:
            lines.append(line)

    await downloads.sandbox.run(
        [*git, "config", "-f", ".gitmodules", "--get-regexp", r"^submodule\..*\.(path|url)$"], keep
    )
    found: dict[str, dict[str, str]] = {}
    for line in lines:
        if match := re.fullmatch(r"submodule\.(.*)\.(path|url) (.*)", line):
            found.setdefault(match[1], {})[match[2]] = match[3]
    if len(found) > MAX_MODULES or depth >= MAX_DEPTH:
        raise _failed(url, ["it has too many submodules"])
    for module in found.values():
        path, source = module.get("path", ""), urljoin(f"{url}/", module.get("url", ""))
        if not path or path.startswith("/") or ".." in path.split("/") or not is_address(source):
            raise _failed(url, [f"its submodule {path[:100]!r} is at no https address"])
        commit = await _commit_of(git, path, downloads)
        await _clone(source, "", target / path, downloads, depth + 1)
        inside = downloads.sandbox.inside(target / path)
        await downloads.sandbox.run(["git", "-C", inside, "checkout", "--quiet", commit], _silent)


async def _commit_of(git: list[str], path: str, downloads: Downloads) -> str:
    """Which commit of a submodule the repository wants."""
    said: list[str] = []
    await downloads.sandbox.run(
        [*git, "ls-tree", "--object-only", "HEAD", "--", path], lambda _, line: said.append(line)
    )
    return said[0] if said else "HEAD"


def _failed(url: str, words: list[str]) -> StagingFailed:
    reason = words[-1].replace(url, redacted(url))[:500] if words else "no reason given"
    return StagingFailed("BuildpackCompileFailed", f"the buildpack {redacted(url)} could not be downloaded: {reason}")


def _silent(stream: str, line: str) -> None:
    """What a first attempt or a download says is of no use to anybody."""
