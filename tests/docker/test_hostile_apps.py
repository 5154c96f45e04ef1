"""Apps that mean harm, each beside a neighbour under traffic, on a whole platform: the neighbour loses no request, the
agents live on, and the app's owner reads what came of it. What one container can do is in test_containment.py."""

import io
import os
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest

from infra.stack.engine import VARIABLE, Engine
from tests.docker.test_docker_runtime import containers
from tests.support.platform import ZF, Platform, Traffic, a_platform, eventually

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only a root agent can contain apps")

NEIGHBOUR = "neighbour"

#: Of a sleep that nothing else on this machine sleeps, by which it is found.
ODD_S = 617234


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with a_platform(deas=2, flags=("--runtime", "docker")) as running:
        running.push(NEIGHBOUR)
        yield running


@contextmanager
def beside_a_neighbour(platform: Platform) -> Iterator[None]:
    agents = {name: platform.component(name)["pid"] for name in platform.names("dea")}
    guid = platform.who(NEIGHBOUR)["guid"]
    with Traffic(platform, NEIGHBOUR) as traffic:
        yield
    assert traffic.failures == []
    assert traffic.guids == {guid}
    assert {name: platform.component(name)["pid"] for name in agents} == agents


def worker(platform: Platform, folder: Path, name: str, script: str, *flags: object, **variables: str) -> None:
    """An app of one script, without a route, pushed and not waited for."""
    (folder / "run.sh").write_text(script)
    (folder / "Procfile").write_text("web: bash run.sh\n")
    platform.zf("push", name, "-p", folder, "--no-start", "--no-route", "-u", "process", "-m", "64M", *flags)
    platform.zf("start", name, check=False)


def logged(platform: Platform, name: str) -> str:
    return platform.zf("logs", name, "--recent").stdout


def gone(platform: Platform, name: str) -> None:
    """Deleted, with all that it left running."""
    before = set(containers(platform))
    platform.zf("delete", name, "-f")
    neighbour = platform.who(NEIGHBOUR)["guid"]
    eventually(lambda: set(containers(platform)) == {neighbour}, within_s=60)
    assert neighbour in before


def sleepers() -> list[str]:
    return subprocess.run(["pgrep", "-f", f"sleep {ODD_S}"], capture_output=True, text=True).stdout.split()


def test_a_fork_bomb_stays_in_its_container_and_can_be_stopped(platform: Platform, tmp_path: Path) -> None:
    with beside_a_neighbour(platform):
        worker(platform, tmp_path, "bomb", "bomb() { bomb | bomb & sleep 60; }; bomb; sleep 600\n")
        # Whichever limit it meets first.
        told = ("Resource temporarily unavailable", "out of memory")
        eventually(lambda: any(text in logged(platform, "bomb") for text in told), within_s=60)
        gone(platform, "bomb")


def test_who_fills_his_disk_is_told_so_and_keeps_nobody_from_writing(platform: Platform, tmp_path: Path) -> None:
    with beside_a_neighbour(platform):
        worker(platform, tmp_path, "filler", "while true; do cat /dev/zero > $RANDOM; sleep 1; done\n", "-k", "48M")
        eventually(lambda: "No space left on device" in logged(platform, "filler"), within_s=60)
        gone(platform, "filler")


def test_a_flood_of_logs_is_bounded_on_the_host_and_cut_where_the_app_has_a_limit(
    platform: Platform, tmp_path: Path
) -> None:
    (tmp_path / "manifest.yml").write_text("applications: [{name: flood, log-rate-limit-per-second: 1K}]\n")
    with beside_a_neighbour(platform):
        worker(platform, tmp_path, "flood", "while true; do echo flood; done\n", "-f", tmp_path / "manifest.yml")
        eventually(lambda: "app instance exceeded log rate limit (1024 bytes/sec)" in logged(platform, "flood"))
        logs = [path for path in Path(platform.status()["run_folder"]).rglob("logs/*/app.*") if path.is_file()]
        assert logs
        assert max(path.stat().st_size for path in logs) < 2**20
        gone(platform, "flood")
    folder = tmp_path / "unlimited"
    folder.mkdir()
    with beside_a_neighbour(platform):
        worker(platform, folder, "deluge", f"yes {'x' * 1000}\n")
        root = Path(platform.status()["run_folder"])
        rotated = 2 * 16 * 2**20

        def sizes() -> list[int]:
            files: dict[Path, int] = {}
            for path in root.rglob("logs/*/app.*"):
                files[path.parent] = files.get(path.parent, 0) + path.stat().st_size
            return list(files.values())

        eventually(lambda: max(sizes()) > rotated // 2, within_s=60)
        for _ in range(20):
            assert max(sizes()) <= rotated + 2**20
        gone(platform, "deluge")


def test_who_ignores_sigterm_is_killed_after_its_grace_and_the_log_says_so(platform: Platform, tmp_path: Path) -> None:
    with beside_a_neighbour(platform):
        worker(platform, tmp_path, "deaf", "trap '' TERM; while true; do sleep 1; done\n")
        eventually(lambda: platform.running("deaf", 1))
        platform.zf("stop", "deaf")
        eventually(lambda: "did not end by itself in time and is killed" in logged(platform, "deaf"), within_s=60)
        gone(platform, "deaf")


def test_a_daemon_does_not_outlive_the_app_that_left_it_behind(platform: Platform, tmp_path: Path) -> None:
    script = f"setsid --fork sleep {ODD_S} > /dev/null 2>&1 < /dev/null; sleep 2; exit 3\n"
    with beside_a_neighbour(platform):
        worker(platform, tmp_path, "parent", script)
        eventually(lambda: "Exited with status 3" in platform.zf("events", "parent").stdout, within_s=60)
        platform.zf("stop", "parent")
        eventually(lambda: not sleepers())
        gone(platform, "parent")


def test_a_droplet_with_a_link_out_of_itself_writes_nothing_there(platform: Platform, tmp_path: Path) -> None:
    """What is packed behind the link would come to lie in the host's folder."""
    target = tmp_path / "target"
    target.mkdir(mode=0o777)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, link in (("app", ""), ("app/out", str(target))):
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.mode = (tarfile.SYMTYPE if link else tarfile.DIRTYPE), link, 0o755
            tar.addfile(member)
        evil = tarfile.TarInfo("app/out/evil")
        evil.size = 4
        tar.addfile(evil, io.BytesIO(b"evil"))
    space = platform.api("GET", "/v3/spaces", params={"names": "dev"}).json()["resources"][0]["guid"]
    body = {"name": "trick", "relationships": {"space": {"data": {"guid": space}}}}
    app = platform.api("POST", "/v3/apps", json=body).json()["guid"]
    body = {"relationships": {"app": {"data": {"guid": app}}}, "process_types": {"web": "cat out/evil; sleep 600"}}
    droplet = platform.api("POST", "/v3/droplets", json=body).json()["guid"]
    with beside_a_neighbour(platform):
        files = {"bits": ("droplet.tgz", buffer.getvalue())}
        answer = platform.api("POST", f"/v3/droplets/{droplet}/upload", files=files)
        assert answer.status_code in (202, 422), answer.text

        def outcome() -> str:
            return str(platform.api("GET", f"/v3/droplets/{droplet}").json()["state"])

        eventually(lambda: outcome() in ("FAILED", "STAGED") or answer.status_code == 422)
        if outcome() == "STAGED":
            current = f"/v3/apps/{app}/relationships/current_droplet"
            assert platform.api("PATCH", current, json={"data": {"guid": droplet}}).status_code == 200
            platform.api("POST", f"/v3/apps/{app}/actions/start")
            eventually(
                lambda: (
                    "CRASHED" in str(platform.instances("trick")) or "crash" in platform.zf("events", "trick").stdout
                )
            )
        else:
            assert "link" in str(platform.api("GET", f"/v3/droplets/{droplet}").json()["error"]) + answer.text
        assert list(target.iterdir()) == []
    platform.zf("delete", "trick", "-f")


def test_a_droplet_that_is_not_what_was_staged_is_not_run_and_the_owner_reads_why(
    platform: Platform, tmp_path: Path
) -> None:
    (tmp_path / "run.sh").write_text("exec sleep 600\n")
    (tmp_path / "Procfile").write_text("web: bash run.sh\n")
    platform.zf("push", "swapped", "-p", tmp_path, "--no-start", "--no-route", "-u", "process")
    app = platform.api("GET", "/v3/apps", params={"names": "swapped"}).json()["resources"][0]["guid"]
    package = platform.api("GET", f"/v3/apps/{app}/packages").json()["resources"][0]["guid"]
    build = platform.api("POST", "/v3/builds", json={"package": {"guid": package}}).json()["guid"]
    staged = eventually(lambda: platform.api("GET", f"/v3/builds/{build}").json()["droplet"])
    current = f"/v3/apps/{app}/relationships/current_droplet"
    assert platform.api("PATCH", current, json={"data": staged}).status_code == 200
    link = urlsplit(platform.api("GET", f"/v3/droplets/{staged['guid']}/download").headers["Location"])
    bucket, _, key = link.path.removeprefix("/").partition("/")
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    s3 = boto3.client("s3", endpoint_url=f"{link.scheme}://{link.netloc}", **keys)
    s3.put_object(Bucket=bucket, Key=key, Body=b"something else")
    with beside_a_neighbour(platform):
        platform.api("POST", f"/v3/apps/{app}/actions/start")
        eventually(lambda: "does not have its digest" in str(platform.instances("swapped")))
        gone(platform, "swapped")


def test_an_agent_killed_while_it_prepares_a_start_leaves_one_instance_in_the_end(
    platform: Platform, tmp_path: Path
) -> None:
    (tmp_path / "weight").write_bytes(os.urandom(96 * 2**20))  # so that unpacking takes a while
    worker(platform, tmp_path, "heavy", "exec sleep 600\n", "-k", "512M")
    eventually(lambda: platform.running("heavy", 1), within_s=60)
    platform.zf("stop", "heavy")
    eventually(lambda: len(containers(platform)) == 1)
    app = platform.api("GET", "/v3/apps", params={"names": "heavy"}).json()["resources"][0]["guid"]
    places = {name: platform.component(name) for name in platform.names("dea")}
    assert platform.api("POST", f"/v3/apps/{app}/actions/start").status_code == 200

    def preparing() -> str:
        for name, place in places.items():
            for one in platform.http.get(f"{place['http']}/varz").json()["running_apps"]:
                if (one["app_guid"], one["state"]) == (app, "BORN"):
                    return name
        return ""

    killed = eventually(preparing, every_s=0.01)
    os.kill(int(places[killed]["pid"]), signal.SIGKILL)
    eventually(lambda: platform.running("heavy", 1), within_s=60)
    eventually(lambda: len(containers(platform)) == 2, within_s=60)
    platform.zf("delete", "heavy", "-f")
    eventually(lambda: len(containers(platform)) == 1, within_s=60)


@pytest.mark.skipif(not os.environ.get(VARIABLE), reason="the engine is somebody else's: not stopped")
def test_apps_outlive_an_engine_that_is_away_for_twenty_seconds_and_a_push_meanwhile_comes_to_an_end(
    platform: Platform, tmp_path: Path
) -> None:
    engine = Engine(Path(os.environ[VARIABLE]))
    if engine.users() > 1:
        pytest.skip("others use the engine at this moment: not stopped")
    before = platform.who(NEIGHBOUR)["guid"]
    agents = {name: platform.component(name)["pid"] for name in platform.names("dea")}
    (tmp_path / "run.sh").write_text("exec sleep 600\n")
    (tmp_path / "Procfile").write_text("web: bash run.sh\n")
    engine.signal(signal.SIGTERM)
    pushing = subprocess.Popen(
        [str(ZF), "push", "meanwhile", "-p", str(tmp_path), "--no-route", "-u", "process"],
        env=platform.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    time.sleep(20)  # that long is what is tested
    engine.start()
    said = pushing.communicate(timeout=240)[0]
    assert "Traceback" not in said
    assert pushing.returncode == 0 or "Error: " in said
    eventually(lambda: platform.who(NEIGHBOUR)["guid"] == before, within_s=60)
    assert {name: platform.component(name)["pid"] for name in agents} == agents
    platform.zf("push", "meanwhile", "-p", tmp_path, "--no-route", "-u", "process")
    platform.zf("delete", "meanwhile", "-f")
