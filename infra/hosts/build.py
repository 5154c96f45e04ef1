"""``hosts.tar.gz``, ``stack.tar.gz``, and ``hosts.json``, which says what they are."""

import gzip
import hashlib
import json
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from infra.package import packages
from infra.package.chalice import ROOT

LOCK = ROOT / "requirements" / "hosts.txt"
FILES = Path(__file__).parent / "files"

#: Amazon Linux 2023 has it as a package, and its own tools another version.
PYTHON = "3.11"

#: Of ours, what runs on hosts, and the buildpacks that DEAs stage with.
OURS = ("chalicelib", "dea_agent", "router", "infra/stack/buildpacks")


def tar(folder: Path, target: Path) -> None:
    """The same bytes for the same files: in order of names, without times, owners, or modes but for ``x``."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.mtime = entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
        return entry

    with (
        target.open("wb") as file,
        gzip.GzipFile("", "wb", 6, file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(folder.rglob("*")):
            archive.add(path, path.relative_to(folder), recursive=False, filter=plain)


def tree(folder: Path, architecture: str) -> None:
    """The archive's contents. Raises Refused when a package has no wheel for the hosts."""
    packages.install(LOCK, architecture, PYTHON, folder / "lib")
    # Where commands were put, and lists of what was installed, with the paths of this machine.
    shutil.rmtree(folder / "lib" / "bin", ignore_errors=True)
    for note in [*(folder / "lib").glob(".lock"), *(folder / "lib").glob("*.dist-info/RECORD")]:
        note.unlink()
    for part in OURS:
        shutil.copytree(ROOT / part, folder / "lib" / part, ignore=shutil.ignore_patterns("__pycache__"))
    for path in FILES.iterdir():
        shutil.copy(path, folder)


def save(chunks: Iterable[bytes], target: Path) -> None:
    """An image's own archive, packed."""
    with target.open("wb") as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
        for chunk in chunks:
            packed.write(chunk)


def build(architecture: str, stack: Iterable[bytes] | None, out: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """stack: the image as the engine saves it; None leaves out the one that was made before, too."""
    out.mkdir(parents=True, exist_ok=True)
    say(f"Packages for {architecture}, Python {PYTHON}")
    with tempfile.TemporaryDirectory() as scratch:
        tree(Path(scratch), architecture)
        tar(Path(scratch), out / "hosts.tar.gz")
    saved = out / "stack.tar.gz"
    if stack is None:
        saved.unlink(missing_ok=True)
    else:
        say("The image of the stack")
        save(stack, saved)
    told = {
        "architecture": architecture,
        "python": PYTHON,
        "sha256": _digest(out / "hosts.tar.gz"),
        "stack_sha256": _digest(saved) if saved.exists() else None,
    }
    (out / "hosts.json").write_text(json.dumps(told, indent=2) + "\n")
    return told


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
