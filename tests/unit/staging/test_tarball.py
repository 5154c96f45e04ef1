import hashlib
import os
import tarfile
from pathlib import Path

import pytest

from dea_agent.staging import tarball
from dea_agent.staging.errors import StagingFailed
from dea_agent.staging.lifecycle import read_inside


@pytest.fixture
def app(tmp_path: Path) -> Path:
    app = tmp_path / "app"
    (app / "sub").mkdir(parents=True)
    (app / "sub" / "run").write_text("#!/bin/sh\n")
    (app / "sub" / "run").chmod(0o4755)
    (app / "a.txt").write_text("text")
    for path in (app / "sub" / "run", app / "a.txt", app / "sub", app):
        os.utime(path, (1e9, 1e9))
    return app


def members(path: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(path) as tar:
        return {member.name: member for member in tar}


def test_a_droplet_has_its_folders_in_order_without_owners_or_setuid(tmp_path: Path, app: Path) -> None:
    info = tmp_path / "info"
    info.write_text("{}")
    packed = tarball.pack(tmp_path / "d.tgz", {"staging_info.yml": info, "app": app}, 10_000)
    found = members(tmp_path / "d.tgz")
    assert list(found) == ["./app", "./app/a.txt", "./app/sub", "./app/sub/run", "./staging_info.yml"]
    assert found["./app/sub/run"].mode == 0o755
    assert {(member.uid, member.gid, member.uname) for member in found.values()} == {(0, 0, "")}
    data = (tmp_path / "d.tgz").read_bytes()
    assert (packed.size, packed.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_the_same_content_makes_the_same_bytes(tmp_path: Path, app: Path) -> None:
    first = tarball.pack(tmp_path / "1.tgz", {"app": app}, 10_000)
    assert tarball.pack(tmp_path / "2.tgz", {"app": app}, 10_000) == first


def test_a_link_into_the_build_becomes_relative_and_others_stay(tmp_path: Path, app: Path) -> None:
    deps = tmp_path / "deps"
    (deps / "0" / "bin").mkdir(parents=True)
    (app / "sub" / "tool").symlink_to(deps / "0" / "bin" / "tool")
    (app / "self").symlink_to(app / "sub" / "run")
    (app / "shell").symlink_to("/bin/sh")
    (app / "near").symlink_to("sub/run")
    tarball.pack(tmp_path / "d.tgz", {"app": app, "deps": deps}, 10_000)
    found = members(tmp_path / "d.tgz")
    assert found["./app/sub/tool"].linkname == "../../deps/0/bin/tool"
    assert found["./app/self"].linkname == "sub/run"
    assert found["./app/shell"].linkname == "/bin/sh"
    assert found["./app/near"].linkname == "sub/run"


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path, app: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("x")
    (app / "out").symlink_to(outside)
    tarball.pack(tmp_path / "d.tgz", {"app": app}, 10_000)
    assert not any("secret" in name for name in members(tmp_path / "d.tgz"))


def test_hard_links_become_files_and_pipes_stay_behind(tmp_path: Path, app: Path) -> None:
    os.link(app / "a.txt", app / "b.txt")
    os.mkfifo(app / "pipe")
    tarball.pack(tmp_path / "d.tgz", {"app": app}, 10_000)
    found = members(tmp_path / "d.tgz")
    assert found["./app/b.txt"].isreg()
    assert found["./app/b.txt"].size == 4
    assert "./app/pipe" not in found


def test_more_than_the_disk_limit_is_refused(tmp_path: Path, app: Path) -> None:
    with pytest.raises(StagingFailed, match="disk"):
        tarball.pack(tmp_path / "d.tgz", {"app": app}, 13)


def test_empty_files_without_end_are_refused_too(tmp_path: Path, app: Path) -> None:
    for number in range(100):
        (app / f"empty-{number}").touch()
    with pytest.raises(StagingFailed, match="larger than"):
        tarball.pack(tmp_path / "x.tgz", {"app": app}, 32 * 1024)


def test_a_fingerprint_tells_a_changed_folder_from_the_same(app: Path) -> None:
    before = tarball.fingerprint(app)
    assert tarball.fingerprint(app) == before
    (app / "a.txt").write_text("texts")
    assert tarball.fingerprint(app) != before


def test_what_scripts_leave_is_read_through_no_link_and_from_no_pipe(tmp_path: Path, app: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (app / "Procfile").symlink_to(tmp_path / "secret")
    (app / "away").symlink_to(tmp_path)
    os.mkfifo(app / "pipe")
    assert read_inside(app, "a.txt") == "text"
    assert read_inside(app, "sub", "run") == "#!/bin/sh\n"
    assert read_inside(app, "Procfile") is None
    assert read_inside(app, "away", "secret") is None
    assert read_inside(app, "pipe") is None
    assert read_inside(app, "sub") is None
    assert read_inside(app, "none") is None
