"""The archives that hosts fetch."""

import gzip
from pathlib import Path

from infra.hosts import build


def test_an_image_is_packed_as_it_was_saved(tmp_path: Path) -> None:
    build.save(iter([b"image", b" of the stack"]), tmp_path / "stack.tar.gz")
    assert gzip.decompress((tmp_path / "stack.tar.gz").read_bytes()) == b"image of the stack"


def test_the_same_files_make_the_same_archive(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / name
        (folder / "lib").mkdir(parents=True)
        (folder / "lib" / "a.py").write_text("a = 1\n")
        (folder / "install").write_text("#!/bin/sh\n")
        (folder / "install").chmod(0o755 if name == "one" else 0o700)
        build.tar(folder, tmp_path / f"{name}.tar.gz")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
