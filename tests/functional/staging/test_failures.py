"""Builds that go wrong: each one ends with an answer, and with nothing left behind."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.contracts.auction import Limits
from dea_agent.runtimes import processes
from dea_agent.staging import Stager
from dea_agent.staging.sandbox import GUID_VARIABLE
from tests.functional.staging.conftest import BUILDPACKS, UID_BASE, Desk
from tests.functional.staging.test_custom_buildpacks import repository, web

__all__ = ["web"]


def scripted(script: str) -> dict[str, str | bytes]:
    """An app whose build runs ``script``."""
    return {"package.json": "{}", "build.sh": script}


@pytest.fixture
def buildpacks_dir(tmp_path: Path) -> Path:
    """The built-in ones, but nodejs does what the app says: no npm is waited for."""
    folder = tmp_path / "buildpacks"
    shutil.copytree(BUILDPACKS, folder)
    (folder / "nodejs" / "bin" / "supply").write_text('#!/bin/sh\ncd "$1" && exec sh ./build.sh\n')
    return folder


def test_an_app_that_nobody_knows_is_not_detected(desk: Desk) -> None:
    finished = desk.stage(desk.request({"README": "x"}))
    assert finished.error_id == "NoAppDetectedError"
    assert "binary_buildpack" in finished.error_detail
    assert desk.lines[-1] == ("ERR", "None of the buildpacks detected a compatible application")


def test_a_failing_build_is_told_in_the_buildpacks_own_last_words(desk: Desk) -> None:
    finished = desk.stage(desk.request({"requirements.txt": "no-such-package-of-zerofoundry==1.0\n", "app.py": ""}))
    assert finished.error_id == "BuildpackCompileFailed"
    assert "no-such-package-of-zerofoundry" in finished.error_detail
    assert len(finished.error_detail) <= 600
    assert desk.lines[-1] == ("ERR", "Failed to compile droplet")
    assert finished.durations_s["compile"] > 0


def test_the_log_comes_while_the_build_runs(desk: Desk) -> None:
    seen: list[float] = []
    desk.on_line = lambda line: seen.append(time.monotonic()) if "tick" in line else None
    desk.stage(desk.request(scripted("echo tick; sleep 0.5; echo tick")))
    assert seen[1] - seen[0] > 0.3


def test_a_build_out_of_time_is_ended_with_all_its_processes(desk: Desk) -> None:
    begin = time.monotonic()
    app = scripted("echo begun; setsid sleep 1000 & (trap '' TERM; sleep 1000)")
    finished = desk.stage(desk.request(app, timeout_s=3))
    assert finished.error_id == "StagingTimeExpired"
    assert "3 seconds" in finished.error_detail
    assert time.monotonic() - begin < 60
    assert_nothing_runs()


def test_a_cancelled_build_is_ended_with_all_its_processes(desk: Desk) -> None:
    request = desk.request(scripted("echo begun; setsid sleep 1000 & sleep 1000"))

    async def cancelled() -> None:
        begun = asyncio.Event()
        desk.on_line = lambda line: begun.set() if "begun" in line else None
        staging = asyncio.create_task(desk.stager.stage(request, desk.emit))
        await asyncio.wait_for(begun.wait(), 30)
        await desk.stager.cancel("another build")
        assert not staging.done()
        await desk.stager.cancel(request.build_guid)
        finished = await staging
        assert (finished.error_id, finished.droplet) == ("Cancelled", None)

    asyncio.run(cancelled())
    assert_nothing_runs()


def test_an_agent_that_stops_ends_its_builds(desk: Desk) -> None:
    request = desk.request(scripted("echo begun; sleep 1000"))

    async def stopped() -> None:
        begun = asyncio.Event()
        desk.on_line = lambda line: begun.set() if "begun" in line else None
        staging = asyncio.create_task(desk.stager.stage(request, desk.emit))
        await asyncio.wait_for(begun.wait(), 30)
        staging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await staging

    asyncio.run(stopped())
    assert_nothing_runs()


def test_a_daemon_left_behind_does_not_hold_the_build(desk: Desk, web: tuple[Path, str]) -> None:
    folder, url = web
    repository(folder, "daemon", {"bin/compile": "#!/bin/sh\nsetsid sleep 1000 &\necho done\n"})
    begin = time.monotonic()
    finished = desk.stage(desk.request({"a": "b"}, f"{url}/daemon.git"))
    assert finished.droplet is not None, desk.log
    assert time.monotonic() - begin < 60
    assert_nothing_runs()


def test_a_build_that_takes_too_much_memory_is_ended(desk: Desk) -> None:
    app = scripted("""python3 -c "
import time
kept = [bytes(b'x' * 1000000) for _ in range(400)]
time.sleep(60)" """)
    finished = desk.stage(desk.request(app, limits=Limits(memory_mb=128, disk_mb=512)))
    assert (finished.error_id, finished.error_detail) == (
        "StagingError",
        "staging used more than its 128 MB of memory",
    )


def test_a_build_that_fills_the_disk_is_ended(desk: Desk) -> None:
    app = scripted("for i in 1 2 3 4 5 6; do head -c 10000000 /dev/zero > fill$i; done; sleep 60")
    finished = desk.stage(desk.request(app, limits=Limits(memory_mb=512, disk_mb=32)))
    assert (finished.error_id, finished.error_detail) == ("StagingError", "staging used more than its 32 MB of disk")


def test_a_droplet_larger_than_the_disk_limit_is_refused(desk: Desk) -> None:
    app = scripted("for i in 1 2 3 4; do head -c 10000000 /dev/zero > fill$i; done")
    finished = desk.stage(desk.request(app, limits=Limits(memory_mb=512, disk_mb=32)))
    assert finished.error_id == "StagingError"
    assert "disk" in finished.error_detail


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"package_digest": "sha256:" + "0" * 64}, "damaged"),
        ({"package_url": "{url}/none"}, "app package could not be transferred: HTTP 404"),
        ({"spec_url": "{url}/none"}, "staging specification could not be transferred: HTTP 404"),
        ({"droplet_put_url": "{url}/none"}, "droplet could not be transferred: HTTP 501"),
        ({"package_url": "http://127.0.0.1:9/x?X-Amz-Signature=s3cret"}, "ClientConnectorError"),
    ],
)
def test_a_blob_that_cannot_be_moved_is_named_without_its_url(
    desk: Desk, web: tuple[Path, str], change: dict[str, str], reason: str
) -> None:
    values = {key: value.format(url=web[1]) for key, value in change.items()}
    finished = desk.stage(replace(desk.request({"Procfile": "web: x"}), **values))  # type: ignore[arg-type]
    assert finished.error_id == "StagingError"
    assert reason in finished.error_detail
    assert "127.0.0.1" not in finished.error_detail + desk.log
    assert "s3cret" not in finished.error_detail + desk.log


def test_a_specification_that_is_none_says_nothing_of_its_content(desk: Desk) -> None:
    request = desk.request({"Procfile": "web: x"})
    desk.blobs.put_bytes(f"stagingspecs/{request.build_guid}.json", b'{"env": {"PASSWORD": "hunter2"}}')
    finished = desk.stage(request)
    assert finished.error_detail == "the staging specification cannot be read"


def test_a_bad_procfile_is_told_before_the_work(desk: Desk) -> None:
    finished = desk.stage(desk.request({"Procfile": "web python app.py\n", "requirements.txt": "flask"}))
    assert finished.error_detail == "line 1 of the Procfile is not like 'web: command'"
    assert "Python Buildpack" not in desk.log


def test_a_hostile_package_is_refused(desk: Desk) -> None:
    finished = desk.stage(desk.request({"../../evil": "x"}))
    assert finished.error_id == "StagingError"
    assert "the app package was refused" in finished.error_detail


def test_a_bad_release_is_told_apart(desk: Desk, web: tuple[Path, str]) -> None:
    folder, url = web
    repository(folder, "bad", {"bin/compile": "#!/bin/sh\n", "bin/release": "#!/bin/sh\necho oh no >&2; exit 3\n"})
    finished = desk.stage(desk.request({"a": "b"}, f"{url}/bad.git"))
    assert (finished.error_id, finished.error_detail) == ("BuildpackReleaseFailed", "oh no")


def test_a_broken_cache_costs_time_and_not_the_build(desk: Desk) -> None:
    desk.blobs.put_bytes("buildcache/app.tgz", b"not a tar")
    finished = desk.stage(desk.request({"Procfile": "web: x"}))
    assert finished.droplet is not None
    gone = replace(desk.request({"Procfile": "web: x"}), cache_url=desk.blobs.presign_get("buildcache/none"))
    assert desk.stage(gone).droplet is not None
    assert "Building without a cache" in desk.log


def test_without_a_start_command_the_log_warns(desk: Desk) -> None:
    finished = desk.stage(desk.request({"Procfile": "worker: x"}))
    assert finished.droplet is not None
    assert ("ERR", "No start command specified by buildpack or via Procfile.") in desk.lines


def test_scripts_see_the_apps_variables_and_nothing_of_the_agent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, open_folder: Path
) -> None:
    monkeypatch.setenv("ZF_PREFIX", "of-the-agent")
    monkeypatch.setenv("PIP_INDEX_URL", "of-the-agent")
    app = scripted("env; id -u")
    request = desk.request(app, env={"SHADE": "blue", "HOME": "/mine", "BAD=NAME": "x"})
    finished = desk.stage(request)
    assert finished.droplet is not None, desk.log
    env = {line.strip() for line in desk.log.splitlines()}
    assert {"SHADE=blue", "CF_STACK=cflinuxfs4", "MEMORY_LIMIT=1024m", "LANG=C.UTF-8"} <= env
    assert 'VCAP_APPLICATION={"application_name": "tested"}' in env
    assert "AWS_" not in desk.log
    assert "ZF_" not in desk.log
    assert "of-the-agent" not in desk.log
    assert "HOME=/mine" not in env
    if UID_BASE is not None:
        assert str(UID_BASE) in env


def test_builds_run_side_by_side_as_users_of_their_own(desk: Desk) -> None:
    requests = [desk.request(scripted("id -u; sleep 0.5")) for _ in range(3)]

    async def together() -> list[str | None]:
        return [
            finished.error_id
            for finished in await asyncio.gather(*(desk.stager.stage(request, desk.emit) for request in requests))
        ]

    assert asyncio.run(together()) == [None, None, None]
    if UID_BASE is not None:
        ids = {line.strip() for _, line in desk.lines if line.strip().isdecimal()}
        assert ids == {str(UID_BASE + i) for i in range(3)}


@pytest.mark.skipif(UID_BASE is None, reason="only root gives builds users of their own")
def test_what_a_build_left_in_shared_folders_does_not_reach_the_next(desk: Desk) -> None:
    name = f"left-{os.getpid()}"
    finished = desk.stage(desk.request(scripted(f"mkdir /tmp/{name} && echo x > /tmp/{name}/x && ls /tmp/{name}")))
    assert finished.droplet is not None, desk.log
    assert not Path("/tmp", name).exists()


def test_what_an_earlier_agent_left_is_swept(desk: Desk, open_folder: Path) -> None:
    left = open_folder / "staging" / "build-left"
    (left / "app").mkdir(parents=True)
    (open_folder / "staging" / "stray").write_text("x")
    process = subprocess.Popen(["sleep", "1000"], env={GUID_VARIABLE: "build-left", "PATH": os.environ["PATH"]})
    Stager(open_folder / "staging", open_folder / "cache", UID_BASE, BUILDPACKS, "dea-0", "boot-2")
    assert process.wait(5) == -signal.SIGKILL
    assert not left.exists()


def assert_nothing_runs() -> None:
    if UID_BASE is not None:
        left = [
            entry for slot in range(4) for pid in processes.of_uid(UID_BASE + slot) if (entry := processes.stat(pid))
        ]
        assert [entry for entry in left if not entry.is_zombie] == []


def test_a_build_that_digs_endlessly_deep_leaves_nothing_and_harms_no_later_agent(
    desk: Desk, open_folder: Path
) -> None:
    dig = "import os\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')\n"
    desk.stage(desk.request(scripted(f'python3 -c "{dig}"')))
    left = [path for path in open_folder.rglob("build-*") if path.is_dir()]
    assert left == []
