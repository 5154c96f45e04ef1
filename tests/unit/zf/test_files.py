"""What of a folder or archive is pushed: ignore rules, links, hostile names, fingerprints, modes in the zip."""

import hashlib
import io
import os
import socket
import stat
import zipfile
from pathlib import Path

import pytest

from zf.client.errors import FilesError
from zf.push.archive import write_zip
from zf.push.files import Archive, Folder, Kind, source_at
from zf.push.fingerprints import CHUNK, POOLED, Fingerprint, candidates, fingerprints, known
from zf.push.ignore import DEFAULTS


def tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def names(root: Path) -> list[str]:
    return [entry.name for entry in Folder(root).entries]


def test_the_defaults_stay_at_home_at_any_depth(tmp_path: Path) -> None:
    tree(tmp_path, "app.py", ".git/config", "sub/.git/config", "sub/.DS_Store", "manifest.yml", "sub/keep.txt")
    assert names(tmp_path) == ["app.py", "sub/keep.txt"]


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ("*.log\n", ["a.txt", "deep/b.txt", "logs/c.txt"]),
        ("/a.txt\nlogs/\n", ["a.log", "deep/a.log", "deep/b.txt"]),
        ("*.log\n!deep/a.log\n", ["a.txt", "deep/a.log", "deep/b.txt", "logs/c.txt"]),
        ("# nothing\n\n", ["a.log", "a.txt", "deep/a.log", "deep/b.txt", "logs/c.txt"]),
        ("deep/**\n", ["a.log", "a.txt", "logs/c.txt"]),
        ("logs\n!logs/c.txt\n", ["a.log", "a.txt", "deep/a.log", "deep/b.txt"]),
        ("?.log\n[ab].txt\n", ["logs/c.txt"]),
    ],
)
def test_cfignore_means_what_gitignore_means(tmp_path: Path, lines: str, left: list[str]) -> None:
    tree(tmp_path, "a.log", "a.txt", "deep/a.log", "deep/b.txt", "logs/c.txt")
    (tmp_path / ".cfignore").write_text(lines)
    assert [name for name in names(tmp_path) if name != "deep"] == left


def test_a_default_can_be_taken_back(tmp_path: Path) -> None:
    tree(tmp_path, ".gitignore", "app.py")
    (tmp_path / ".cfignore").write_text("!.gitignore\n")
    assert names(tmp_path) == [".gitignore", "app.py"]


@pytest.mark.parametrize("name", DEFAULTS)
def test_with_and_without_rules_of_ones_own_the_defaults_are_the_same(tmp_path: Path, name: str) -> None:
    tree(tmp_path, "a/app.py", *([f"a/{name}"] if name != ".cfignore" else []))
    without = names(tmp_path)
    (tmp_path / ".cfignore").write_text("nothing-like-this\n")
    assert names(tmp_path) == without == ["a/app.py"]


def test_links_inside_are_kept_and_absolute_ones_made_relative(tmp_path: Path) -> None:
    tree(tmp_path, "deep/file", "other/x")
    (tmp_path / "one").symlink_to("deep/file")
    (tmp_path / "deep" / "two").symlink_to(tmp_path / "other" / "x")
    (tmp_path / "folder").symlink_to("deep")
    links = {entry.name: entry.target for entry in Folder(tmp_path).entries if entry.kind is Kind.LINK}
    assert links == {"one": "deep/file", "deep/two": "../other/x", "folder": "deep"}


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "deep/../../outside", "deep/up"])
def test_links_that_lead_outside_are_refused_by_name(tmp_path: Path, target: str) -> None:
    root = tree(tmp_path / "root", "deep/file")
    (tmp_path / "outside").write_text("")
    if target == "deep/up":
        (root / "deep" / "up").symlink_to("../..")
    (root / "link").symlink_to(target)
    with pytest.raises(FilesError, match=r"link|up") as raised:
        Folder(root)
    assert "leads outside" in raised.value.message
    assert ".cfignore" in raised.value.hint


def test_a_link_that_is_ignored_may_lead_anywhere(tmp_path: Path) -> None:
    tree(tmp_path, "app.py")
    (tmp_path / "link").symlink_to("/etc")
    (tmp_path / ".cfignore").write_text("link\n")
    assert names(tmp_path) == ["app.py"]


def test_a_socket_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.sock")
        with pytest.raises(FilesError, match=r"s\.sock is neither a file nor a folder"):
            Folder(tmp_path)


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"bad\xff")).write_text("")
    with pytest.raises(FilesError, match="not UTF-8"):
        Folder(tmp_path)


def test_a_folder_of_nothing_but_ignored_files_is_nothing_to_push(tmp_path: Path) -> None:
    tree(tmp_path, ".git/config", "manifest.yml")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FilesError, match="Nothing to push"):
        source_at(tmp_path)


def test_what_is_not_there_or_no_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(FilesError, match="There is no folder or archive"):
        source_at(tmp_path / "nowhere")
    with pytest.raises(FilesError, match="is not a zip archive"):
        source_at(tmp_path / "text")


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../b", "a\\..\\b"])
def test_an_archive_with_names_that_lead_outside_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("ok.txt", "")
        archive.writestr(name, "")
    with pytest.raises(FilesError, match="leads outside"):
        Archive(tmp_path / "a.zip")


def test_an_archive_with_a_link_that_leads_outside_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "../../etc/passwd")
    with pytest.raises(FilesError, match="leads outside"):
        Archive(tmp_path / "a.zip")


def test_a_zip_keeps_modes_links_empty_folders_and_contents(tmp_path: Path) -> None:
    root = tree(tmp_path / "root", "run.sh", "a/b.txt")
    (root / "run.sh").chmod(0o750)
    (root / "link").symlink_to("run.sh")
    (root / "empty").mkdir()
    os.utime(root / "run.sh", (0, 0))  # before a zip's first year
    source, out, counted = Folder(root), io.BytesIO(), list[int]()
    assert write_zip(source, source.entries, out, counted.append) == 4
    archive = zipfile.ZipFile(out)
    modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    assert modes["run.sh"] == stat.S_IFREG | 0o750
    assert stat.S_ISLNK(modes["link"])
    assert archive.read("link") == b"run.sh"
    assert stat.S_ISDIR(modes["empty/"])
    assert archive.read("a/b.txt") == b"a/b.txt"
    assert sum(counted) == sum(entry.size for entry in source.entries)


def test_the_same_folder_gives_the_same_zip(tmp_path: Path) -> None:
    tree(tmp_path, "b", "a", "c/d")
    zips = []
    for _ in range(2):
        out = io.BytesIO()
        write_zip(Folder(tmp_path), Folder(tmp_path).entries, out, lambda count: None)
        zips.append(out.getvalue())
    assert zips[0] == zips[1]


def test_fingerprints_are_of_files_the_pool_keeps(tmp_path: Path) -> None:
    for name, size in (("small", POOLED[0] - 1), ("edge", POOLED[0]), ("large", 3_000_000)):
        (tmp_path / name).write_bytes(os.urandom(size))
    source, counted = Folder(tmp_path), list[int]()
    prints = fingerprints(source, candidates(source), counted.append)
    assert [(one.entry.name, one.sha1) for one in prints] == [
        (name, hashlib.sha1((tmp_path / name).read_bytes()).hexdigest()) for name in ("edge", "large")
    ]
    assert sum(counted) == POOLED[0] + 3_000_000


def test_known_files_are_asked_for_in_chunks_and_matched_by_sha1_and_size(tmp_path: Path) -> None:
    tree(tmp_path, "file")
    (entry,) = Folder(tmp_path).entries
    prints = [Fingerprint(entry, f"{number:040x}") for number in range(CHUNK + 1)]
    asked = []

    def ask(resources: list[dict[str, object]]) -> list[dict[str, object]]:
        asked.append(len(resources))
        return [resources[0], {**resources[-1], "size_in_bytes": 99}]

    assert known(prints, ask) == [prints[0], prints[CHUNK]]
    assert asked == [CHUNK, 1]
