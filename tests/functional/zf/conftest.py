"""A fake cloud, and `zf` run in this process with a home of its own."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from zf.__main__ import main

from .cloud import Cloud


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Zf = Callable[..., Ran]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    server = Cloud()
    yield server
    server.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The ZF_HOME of the test; the working folder is another, empty one."""
    monkeypatch.setenv("ZF_HOME", str(tmp_path / "home"))
    for name in ("ZF_USERNAME", "ZF_PASSWORD", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


@pytest.fixture
def zf(home: Path, capsys: pytest.CaptureFixture[str]) -> Zf:
    def run(*args: str) -> Ran:
        capsys.readouterr()
        status = main(args)
        out, err = capsys.readouterr()
        return Ran(status, out, err)

    return run


@pytest.fixture
def logged_in(zf: Zf, cloud: Cloud) -> Zf:
    """`zf`, logged in with org lab and space dev targeted."""
    ran = zf("login", "-a", cloud.url, "-u", "ada", "-p", "secret")
    assert ran.status == 0, ran.err
    cloud.requests.clear()
    return zf


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An app of 20 small files."""
    root = tmp_path / "site"
    root.mkdir()
    for number in range(19):
        (root / f"page{number}.html").write_text(f"<p>{number}</p>")
    (root / "index.html").write_text("<h1>Hello</h1>")
    return root
