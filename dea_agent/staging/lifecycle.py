"""The contract of buildpacks, Cloud Foundry's and Heroku's: detect, then supply and finalize or compile, then
release.

The scripts run in the sandbox; what they leave behind is read with suspicion, for they belong to the app's owner
and the reader may be root.
"""

import asyncio
import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

from chalicelib.contracts.staging import BuildpackUsed
from chalicelib.core import start_commands as commands
from chalicelib.core.start_commands import BadProcesses
from dea_agent.staging.buildpacks import Buildpack
from dea_agent.staging.errors import StagingFailed
from dea_agent.staging.sandbox import SYSTEM_PATH, Emit, Sandbox

#: Most bytes of a Procfile, of what ``bin/release`` prints, of a ``config.yml``.
MAX_TEXT_BYTES = 256 * 1024

#: The last words of a script that go into an error: so many lines, so many characters.
DETAIL_LINES, DETAIL_CHARACTERS = 3, 600

#: Variable -> the folder, of each buildpack before a script, that the script finds in it; as Cloud Foundry has it.
HANDED_ON = {
    "PATH": "bin",
    "LD_LIBRARY_PATH": "lib",
    "LIBRARY_PATH": "lib",
    "CPATH": "include",
    "PKG_CONFIG_PATH": "pkgconfig",
}

#: Gives the app what the buildpacks put aside for it. A finalize script of Cloud Foundry's own library writes a
#: file of this name itself.
MULTI_SUPPLY = "000_multi-supply.sh"
MULTI_SUPPLY_TEXT = """\
export DEPS_DIR="${DEPS_DIR:-$(cd .. && pwd)/deps}"
for dep in "$DEPS_DIR"/*; do
  [ -d "$dep/bin" ] && export PATH="$dep/bin:$PATH"
  [ -d "$dep/lib" ] && export LD_LIBRARY_PATH="$dep/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  for script in "$dep"/profile.d/*.sh; do [ -f "$script" ] && . "$script"; done
done
"""


class Folders:
    """Of one build, all below ``root``. The scripts' user owns them; ``root`` itself he may only pass through.

    aside: the agent's own, for what it brings and takes away.
    """

    def __init__(self, root: Path, aside: Path, uid: int | None) -> None:
        self.root, self.aside = root, aside
        root.chmod(0o710)
        if uid is not None:
            os.chown(root, -1, uid)
        self.app, self.deps, self.cache = root / "app", root / "deps", root / "cache"
        self.profile, self.env, self.home, self.tmp = root / "profile.d", root / "env", root / "home", root / "tmp"
        for folder in (self.app, self.deps, self.cache, self.profile, self.env, self.home, self.tmp):
            folder.mkdir(mode=0o755)
            if uid is not None:
                os.chown(folder, uid, uid)


class Lifecycle:
    """One build. ``emit`` gets the scripts' lines as they come."""

    def __init__(self, sandbox: Sandbox, folders: Folders, emit: Emit) -> None:
        self._sandbox, self._folders, self._emit = sandbox, folders, emit
        self._inside = sandbox.inside

    async def detects(self, buildpack: Buildpack) -> str | None:
        """What the buildpack said of an app that it knows, or None."""
        if not buildpack.has("detect"):
            return None
        said: list[str] = []
        argv = [self._inside(buildpack.script("detect")), self._inside(self._folders.app)]
        status, _ = await self._sandbox.run(argv, _keep_out(said))
        return "\n".join(said).strip()[:250] if status == 0 else None

    async def compile(self, buildpacks: list[Buildpack]) -> None:
        """Run what makes the droplet. Raises StagingFailed with the scripts' last words."""
        *others, last = buildpacks
        folders, caches = self._folders, [self._cache(buildpack) for buildpack in buildpacks]
        indexes = [str(index).zfill(len(str(len(others)))) for index in range(len(buildpacks))]
        # By the scripts' user, because an unpacked cache is his too.
        made = [*(folders.deps / index for index in indexes), *caches]
        await self._sandbox.run(["mkdir", "-p", *map(self._inside, made)], _unheard)
        for buildpack, index, cache in zip(others, indexes, caches, strict=False):
            if not buildpack.has("supply"):
                raise _cannot(f"{buildpack.name} has no bin/supply, so no other buildpack can come after it")
            await self._run(buildpack, "supply", [folders.app, cache, folders.deps, index])
        cache, index = caches[-1], indexes[-1]
        if last.has("finalize"):
            if last.has("supply"):
                await self._run(last, "supply", [folders.app, cache, folders.deps, index])
            await self._run(last, "finalize", [folders.app, cache, folders.deps, index, folders.profile])
        elif last.has("compile"):
            if others:
                self._emit("ERR", f"Warning: {last.name} has no bin/finalize and may not see what came before it")
            await self._run(last, "compile", [folders.app, cache, folders.env])
        else:
            raise _cannot(f"{last.name} has neither bin/finalize nor bin/compile")
        with suppress(FileExistsError):
            write_new(folders.profile / MULTI_SUPPLY, MULTI_SUPPLY_TEXT)

    def caches(self, buildpacks: list[Buildpack]) -> dict[str, Path]:
        """Name -> folder: what is worth keeping. The cache of a buildpack that is no longer asked for is not."""
        return {folder.name: folder for folder in map(self._cache, buildpacks)}

    def _cache(self, buildpack: Buildpack) -> Path:
        return self._folders.cache / hashlib.sha256(buildpack.name.encode()).hexdigest()[:32]

    async def _run(self, buildpack: Buildpack, script: str, arguments: list[Path | str]) -> None:
        """With what the buildpacks before it have put aside."""
        env = {}
        for variable, name in HANDED_ON.items():
            if path := [
                self._inside(folder / name)
                for folder in sorted(self._folders.deps.iterdir())
                if (folder / name).is_dir()
            ]:
                env[variable] = ":".join([*path, SYSTEM_PATH] if variable == "PATH" else path)
        words = [
            self._inside(word) if isinstance(word, Path) else word for word in (buildpack.script(script), *arguments)
        ]
        status, words = await self._sandbox.run(words, self._emit, env)
        if status:
            raise _cannot(_last_words(words) or f"bin/{script} of {buildpack.name} ended with status {status}")

    async def process_types(self, buildpacks: list[Buildpack]) -> dict[str, str]:
        """name -> start command: later buildpacks win, and the Procfile over all. Raises StagingFailed."""
        try:
            launches = [self._dep_text(index, "launch.yml") for index in range(len(buildpacks))]
            # In a thread, here and below: a large text takes a while, and the agent has beats to send.
            proposals = [await asyncio.to_thread(commands.from_launch, text) for text in launches if text is not None]
            if launches[-1] is None:
                proposals.append(await self._release(buildpacks[-1]))
        except BadProcesses as error:
            raise StagingFailed("BuildpackReleaseFailed", str(error)) from None
        return commands.merged([*proposals, self.procfile()])

    async def _release(self, buildpack: Buildpack) -> dict[str, str]:
        if not buildpack.has("release"):
            return {}
        said: list[str] = []
        argv = [self._inside(buildpack.script("release")), self._inside(self._folders.app)]
        status, words = await self._sandbox.run(argv, _keep_out(said))
        if status:
            detail = _last_words(words) or f"bin/release of {buildpack.name} ended with status {status}"
            raise StagingFailed("BuildpackReleaseFailed", detail)
        return await asyncio.to_thread(commands.from_release, "\n".join(said))

    def procfile(self) -> dict[str, str]:
        """Empty without a Procfile. Raises StagingFailed."""
        try:
            return commands.from_procfile(read_inside(self._folders.app, "Procfile") or "")
        except BadProcesses as error:
            raise StagingFailed("StagingError", str(error)) from None

    def used(self, buildpacks: list[Buildpack], detect_output: str) -> tuple[BuildpackUsed, ...]:
        """What the droplet's record says of them."""
        found = []
        for index, buildpack in enumerate(buildpacks):
            name, version = commands.identity(self._dep_text(index, "config.yml") or "")
            found.append(BuildpackUsed(buildpack.name, detect_output, version, name))
        return tuple(found)

    def _dep_text(self, index: int, name: str) -> str | None:
        for folder in (f"{index}", f"{index:02}"):
            text = read_inside(self._folders.deps, folder, name)
            if text is not None:
                return text
        return None


def read_inside(root: Path, *names: str) -> str | None:
    """A small text file below ``root`` (which its owner cannot replace), reached through no link; else None."""
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            # NONBLOCK: a pipe would be waited for.
            inner = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
            os.close(fd)
            fd = inner
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        return os.read(fd, MAX_TEXT_BYTES).decode(errors="replace")
    except OSError:
        return None
    finally:
        os.close(fd)


def write_new(path: Path, text: str) -> None:
    """Through no link, in a folder that belongs to the scripts' user. Raises FileExistsError."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with open(fd, "w") as file:
        file.write(text)


def _cannot(detail: str) -> StagingFailed:
    return StagingFailed("BuildpackCompileFailed", detail)


def _last_words(words: list[str]) -> str:
    return "\n".join(words[-DETAIL_LINES:])[-DETAIL_CHARACTERS:]


def _keep_out(lines: list[str]) -> Emit:
    """Collects standard output, MAX_TEXT_BYTES characters of it at most, instead of showing it."""
    left = MAX_TEXT_BYTES

    def keep(stream: str, line: str) -> None:
        nonlocal left
        if stream == "OUT" and left > 0:
            lines.append(line[:left])
            left -= len(line) + 1

    return keep


def _unheard(stream: str, line: str) -> None:
    """Nobody wants to know."""
