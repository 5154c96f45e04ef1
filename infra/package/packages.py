"""Packages of PyPI, installed for a machine that is not this one, by a hashed lock."""

import subprocess
import sys
from pathlib import Path

from infra.package.chalice import Refused
from infra.package.contents import PLATFORMS


def install(lock: Path, architecture: str, python: str, folder: Path) -> None:
    """Raises Refused for a package that has no wheel for that machine, or another hash."""
    command: list[str | Path] = [Path(sys.executable).with_name("uv"), "pip", "install", "--quiet", "--target", folder]
    command += ["--python-platform", PLATFORMS[architecture], "--python-version", python]
    command += ["--only-binary", ":all:", "--require-hashes", "--no-deps", "--link-mode", "copy", "-r", lock]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise Refused(f"packages for {architecture}, Python {python}:\n{done.stderr}")
