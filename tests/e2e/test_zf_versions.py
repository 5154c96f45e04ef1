"""`zf` over an app's life on a running platform: a new version without a gap, a task, and the way back."""

from pathlib import Path

from tests.support.platform import ROOT, Platform, Traffic, eventually


def test_versions_follow_each_other_without_a_gap_and_tasks_tell_how_they_end(
    platform: Platform, app_name: str, tmp_path: Path
) -> None:
    platform.push(app_name, "-i", 2)
    eventually(lambda: platform.running(app_name, 2))
    platform.zf("set-env", app_name, "MESSAGE", "new")
    with Traffic(platform, app_name) as traffic:
        echo = ROOT / "tests" / "apps" / "echo"
        pushed = platform.zf("push", app_name, "-p", echo, "--strategy", "rolling", "--max-in-flight", 2)
        assert "new instance" in pushed.stdout, "people see how it goes"
        eventually(lambda: all(platform.who(app_name)["message"] == "new" for _ in range(6)))
        first = min(one["version"] for one in platform.json("revisions", app_name))
        platform.zf("rollback", app_name, "--revision", first)
        eventually(lambda: all(platform.who(app_name)["message"] == "" for _ in range(6)))
    assert traffic.failures == []
    assert platform.json("revisions", app_name)[0]["deployed"] is True

    done = platform.zf("run-task", app_name, "-c", "echo hello from a task", "-m", "64M", "--wait")
    assert "hello from a task" in done.stdout
    failed = platform.zf("run-task", app_name, "-c", "echo oh no; exit 3", "-m", "64M", "--wait", check=False)
    assert failed.returncode == 1
    assert "oh no" in failed.stdout
    assert "Exited with status 3" in failed.stderr
    assert [task["state"] for task in platform.json("tasks", app_name)] == ["FAILED", "SUCCEEDED"]

    (tmp_path / "bin").mkdir()
    for script in ("detect", "supply", "finalize", "release"):
        (tmp_path / "bin" / script).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / script).chmod(0o755)
    assert platform.json("create-buildpack", app_name, tmp_path, 1, "--disable")["state"] == "READY"
    platform.zf("delete-buildpack", app_name, "-f")
