"""The archive for this machine, made once for the tests that call it."""

import zipfile
from pathlib import Path

import pytest

from infra.package import build


@pytest.fixture(scope="package")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the archive and its list."""
    out = tmp_path_factory.mktemp("package")
    build.build(build.this_machine(), out)
    return out


@pytest.fixture(scope="package")
def unpacked(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(made / "functions.zip") as packed:
        packed.extractall(folder)
    return folder
