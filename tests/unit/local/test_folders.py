"""Where a cloud keeps what, and what it remembers."""

from pathlib import Path

from infra.local import folders, teardown
from infra.local.folders import Folders, State
from infra.local.processes import Process


def test_instances_of_root_never_lie_under_a_home() -> None:
    where = folders.folders(Path("/root/.zf"), {"HOME": "/root"}, is_root=True)
    assert where.run.parent == Path("/var/lib/zerofoundry")


def test_others_use_their_state_directory() -> None:
    assert folders.folders(Path("/h"), {"XDG_STATE_HOME": "/s"}, is_root=False).run.parent == Path("/s/zerofoundry")
    own = folders.folders(Path("/h"), {"HOME": "/home/u"}, is_root=False)
    assert own.run.parent == Path("/home/u/.local/state/zerofoundry")


def test_every_home_has_a_run_folder_of_its_own() -> None:
    one, other = (folders.folders(Path(home), {}, is_root=True).run for home in ("/a", "/b"))
    assert one != other


def test_apps_may_pass_through_the_run_folder_but_not_look_around(tmp_path: Path) -> None:
    where = Folders(tmp_path / "home", tmp_path / "zerofoundry" / "x")
    where.make()
    assert where.run.stat().st_mode & 0o777 == 0o711
    assert where.cloud.stat().st_mode & 0o777 == 0o700


def test_a_lock_has_one_holder_and_ends_with_it(tmp_path: Path) -> None:
    import os

    where = Folders(tmp_path / "home", tmp_path / "run")
    first = folders.claim(where)
    assert first is not None
    assert folders.claim(where) is None
    os.close(first)
    again = folders.claim(where)
    assert again is not None
    os.close(again)


def test_state_is_read_back_and_half_a_state_is_none(tmp_path: Path) -> None:
    where = Folders(tmp_path / "home", tmp_path / "run")
    where.make()
    state = State((1, 2), 8080, "zf", "http://127.0.0.1:8080", "localhost", "admin", "secret", "http://c")
    folders.save(where, state)
    assert folders.load(where) == state
    (where.cloud / "state.json").write_text('{"port": ')
    assert folders.load(where) is None


def test_processes_are_remembered_and_damage_is_skipped(tmp_path: Path) -> None:
    where = Folders(tmp_path / "home", tmp_path / "run")
    where.make()
    folders.remember(where, "aws", Process(1, 2))
    (where.pids / "broken").write_text("x")
    assert folders.remembered(where) == {"aws": Process(1, 2)}


def test_only_mounts_below_the_folder_are_undone() -> None:
    table = "tmpfs /var/lib/zf/a/disk ext4 rw 0 0\nx /var/lib/zf-other ext4 rw 0 0\nx /var/lib/zf/b\\040c ext4 rw 0 0\n"
    assert teardown.mounts_under(Path("/var/lib/zf"), table) == ["/var/lib/zf/a/disk", "/var/lib/zf/b c"]
