"""The archive, made: packages by their lock, the code by Chalice, compiled, packed, and a list of what is in it."""

import base64
import hashlib
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chalicelib.contracts.frozen import frozen
from infra.iam.table import FUNCTIONS
from infra.package import archive, chalice, contents, packages
from infra.package.chalice import ROOT, Refused

LOCK = ROOT / "requirements" / "functions.txt"
TOPOLOGY = json.loads((ROOT / "infra" / "topology.json").read_text())
POLICIES = ROOT / "infra" / "iam" / "policies"

#: Where Lambda unpacks; compiled files name it in tracebacks.
TASK_ROOT = "/var/task"


@frozen
class Target:
    """architecture: Lambda's name of it. python: ``3.13``. interpreter: one of that version here, to compile with."""

    architecture: str
    python: str
    interpreter: Path | None

    @property
    def runtime(self) -> str:
        return f"python{self.python}"


def this_machine() -> Target:
    """For tests: what runs here."""
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return Target(machine, f"{sys.version_info[0]}.{sys.version_info[1]}", Path(sys.executable))


def interpreter_of(python: str, named: str = "") -> Path | None:
    """An interpreter of that version: the one that was named, or ``python3.13`` on the path. It is run: a name alone
    may be a shim that leads nowhere."""
    found = shutil.which(named or f"python{python}")
    if found is None:
        return None
    ask = [found, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    done = subprocess.run(ask, capture_output=True, text=True, check=False)
    return Path(found) if done.returncode == 0 and done.stdout.strip() == python else None


def _trim(folder: Path, known: frozenset[str]) -> None:
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    for path in set(files) - contents.needed(files, known):
        files[path].unlink()


def compile_all(interpreter: Path, folder: Path) -> None:
    """Compiled files that are never checked against their source: Lambda's file system cannot be written to, and times
    in them would make every archive another."""
    command: list[str | Path] = [
        interpreter,
        "-m",
        "compileall",
        "-q",
        "-j",
        "1",
        "--invalidation-mode",
        "unchecked-hash",
    ]
    command += ["-s", folder, "-p", TASK_ROOT, folder]
    env = {"PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise Refused(f"{interpreter} could not compile:\n{done.stdout}{done.stderr}")


def build(target: Target, out: Path, say: Callable[[str], None] = print) -> dict[str, Any]:
    """``out/functions.zip`` and ``out/functions.json``, which says what it is and is returned.

    Raises Refused when a package has no wheel for the target, or one that could not be loaded there. Nothing is left
    in ``out`` then.
    """
    policies = [json.loads((POLICIES / f"{name}.json").read_text()) for name in FUNCTIONS.values()]
    known = contents.services(policies)
    with tempfile.TemporaryDirectory() as scratch:
        project, made, tree = Path(scratch, "project"), Path(scratch, "made"), Path(scratch, "tree")
        project.mkdir()
        chalice.project(project, TOPOLOGY)
        packages.install(LOCK, target.architecture, target.python, project / "vendor")
        wheels = list(contents.wheels(project / "vendor"))
        _trim(project / "vendor", known)
        chalice.package(project, made)
        with zipfile.ZipFile(made / "deployment.zip") as packed:
            packed.extractall(tree)  # what Chalice has just packed of our own files
        natives = {path.relative_to(tree).as_posix(): path.read_bytes() for path in tree.rglob("*.so*")}
        if wrong := contents.misfits(natives, target.architecture, target.python):
            raise Refused("\n".join(wrong))
        if target.interpreter:
            compile_all(target.interpreter, tree)
        else:
            say(
                f"There is no Python {target.python} here: the archive has no compiled files, and cold starts take "
                f"about 250 ms longer. INTERPRETER=/path/to/python{target.python} names one."
            )
        archive.pack(tree, Path(scratch, "functions.zip"))
        packed_bytes = Path(scratch, "functions.zip").read_bytes()
        told = {
            "architecture": target.architecture,
            "runtime": target.runtime,
            "compiled": target.interpreter is not None,
            "bytes": len(packed_bytes),
            "unpacked_bytes": sum(path.stat().st_size for path in tree.rglob("*") if path.is_file()),
            "sha256": base64.b64encode(hashlib.sha256(packed_bytes).digest()).decode(),
            "services": sorted(known),
            "natives": sorted(natives),
            "wheels": {f"{wheel.name} {wheel.version}": list(wheel.tags) for wheel in wheels},
        }
        out.mkdir(parents=True, exist_ok=True)
        shutil.move(Path(scratch, "functions.zip"), out / "functions.zip")
        (out / "functions.json").write_text(json.dumps(told, indent=2) + "\n")
        return told
