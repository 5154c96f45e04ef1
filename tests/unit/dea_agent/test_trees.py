"""Trees that a hostile app leaves behind."""

import os
from pathlib import Path

from dea_agent import trees
from dea_agent.sampler import disk_bytes

MIB = 1024 * 1024


def dig(folder: Path, depth: int, content: bytes = b"") -> None:
    """Folders in folders, deeper than a path can name; ``content`` in a file at the bottom."""
    folder.mkdir()
    fd = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("deep-down-inside", dir_fd=fd)
        inner = os.open("deep-down-inside", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    file = os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=fd)
    os.write(file, content)
    for one in (file, fd):
        os.close(one)


def test_a_tree_deeper_than_any_recursion_is_removed(tmp_path: Path) -> None:
    dig(tmp_path / "app", 1500)
    trees.remove(tmp_path / "app")
    assert not (tmp_path / "app").exists()


def test_removing_follows_no_link_and_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "file").write_text("theirs")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "link").symlink_to(tmp_path / "others")
    (tmp_path / "link").symlink_to(tmp_path / "others")
    for name in ("app", "link", "nothing"):
        trees.remove(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["others"]
    assert (tmp_path / "others" / "file").read_text() == "theirs"


def test_folders_that_their_owner_closed_go_too(tmp_path: Path) -> None:
    (tmp_path / "app" / "cache").mkdir(parents=True)
    (tmp_path / "app" / "cache" / "file").touch()
    (tmp_path / "app" / "cache").chmod(0)
    trees.remove(tmp_path / "app")
    assert not (tmp_path / "app").exists()


def test_what_lies_deeper_than_a_path_can_say_counts_as_disk(tmp_path: Path) -> None:
    dig(tmp_path / "app", 400, b"x" * 3 * MIB)
    assert disk_bytes(tmp_path / "app") >= 3 * MIB
