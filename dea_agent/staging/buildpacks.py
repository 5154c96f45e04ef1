"""The buildpacks that came with the platform, and what any buildpack is."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from chalicelib.core.lifecycle import BUILDPACKS, SUFFIX
from dea_agent.staging.errors import StagingFailed


@dataclass(frozen=True, slots=True)
class Buildpack:
    """key: as the app asked for it. name: for people, without credentials. folder: the one that has ``bin``."""

    key: str
    name: str
    folder: Path

    def has(self, script: str) -> bool:
        return self.script(script).exists()

    def script(self, name: str) -> Path:
        return self.folder / "bin" / name


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
        return [found for name in BUILDPACKS if (found := self.find(name))]

    def find(self, key: str) -> Buildpack | None:
        """By its short or its long name."""
        name = key.removesuffix(SUFFIX)
        folder = self._buildpacks / name
        return Buildpack(key, name + SUFFIX, folder) if name in BUILDPACKS and folder.is_dir() else None


def with_bin(root: Path) -> Path:
    """The folder that holds ``bin``: the root of what was fetched, or the one folder that a zip is wrapped in."""
    inner = [entry for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink()]
    for candidate in (root, *inner[:1]):
        if (candidate / "bin").is_dir():
            return candidate
    raise StagingFailed("BuildpackCompileFailed", "the buildpack has no bin folder")
