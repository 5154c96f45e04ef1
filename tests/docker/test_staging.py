"""Builds in containers of a real engine: buildpacks of both styles from the web, what a build can do, its limits."""

import asyncio
import functools
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path

import docker
import pytest

from chalicelib.contracts.auction import Limits
from chalicelib.contracts.network import Egress
from chalicelib.contracts.staging import StagingFinished, StagingStart
from chalicelib.core.addresses import Allowed
from chalicelib.core.routing import APP_PORT
from dea_agent.runtimes import docker_bridge, docker_egress
from dea_agent.runtimes.docker import DockerRuntime
from dea_agent.staging import Stager
from dea_agent.staging.lifecycle import Folders
from dea_agent.staging.sandbox import SYSTEM_PATH, Room
from dea_agent.staging.stager import folder_in
from tests.docker.conftest import Host, an_address_of_this_host, sh
from tests.docker.test_containment import METADATA, packets_to
from tests.docker.test_networks import NEAR, a_listening_neighbour
from tests.functional import s3
from tests.functional.staging.conftest import BUILDPACKS, UID_BASE, Desk, zip_of
from tests.functional.staging.test_custom_buildpacks import FINAL, HEROKU, SERVE, SUPPLY, Quiet, repository
from tests.support.platform import eventually

pytestmark = pytest.mark.skipif(UID_BASE is None, reason="only a root agent can contain builds")

blobs, endpoint = s3.blobs, s3.endpoint

#: Of this host while a test runs: one that the operator has allowed, and one that he has not.
MIRROR, PRIVATE = "10.213.9.1", "10.213.9.2"

ALLOWED = Allowed.parse(MIRROR)


@dataclass
class ContainerDesk(Desk):
    """Stages as an agent whose runtime is Docker."""

    host: Host = field(default_factory=lambda: Host(Path("/nonexistent")))

    def at(self, runtime: DockerRuntime) -> Stager:
        cache, work = self.host.folder / "staging-cache", self.host.folder / "staging"
        sandboxes = runtime.sandboxes(cache, work, ALLOWED)
        return Stager(work, cache, UID_BASE, BUILDPACKS, "dea-0", "boot", {}, ALLOWED, sandboxes)

    def finish(self, request: StagingStart) -> StagingFinished:
        async def scenario(runtime: DockerRuntime) -> StagingFinished:
            self.stager = self.at(runtime)
            return await self.stager.stage(request, self.emit)

        done: StagingFinished = self.host.do(scenario, within_s=120)
        return done

    def failure(self, script: str, **asked: object) -> tuple[str | None, str | None]:
        """How a build fails whose buildpack is this script."""
        compile_ = f"#!/bin/bash\n{script}\n"
        pack = self.installed("one", {"bin/compile": compile_, "bin/detect": "#!/bin/sh\n"})
        finished = self.stage(self.request({"file": "x"}, "one", installed=(pack,), **asked))  # type: ignore[arg-type]
        return finished.error_id, finished.error_detail

    def run(self, finished: StagingFinished, path: str) -> str:
        """What the droplet's web process answers, in a container of its own."""
        assert finished.droplet is not None, f"{finished.error_detail}\n{self.log}"
        archive = self.host.folder / "droplet.tgz"
        archive.write_bytes(self.blobs.get_bytes(f"droplets/{finished.build_guid}.tgz"))
        command = finished.droplet.process_types["web"]

        async def scenario(runtime: DockerRuntime) -> str:
            container = await self.host.start(runtime, "web", command, droplet=archive)
            url = f"http://{container.address(('', 0)).host}:{APP_PORT}{path}"

            def get() -> str:
                try:
                    with urllib.request.urlopen(url, timeout=5) as answer:
                        return str(answer.read().decode())
                except OSError:
                    return ""

            said = await asyncio.to_thread(eventually, get)
            await container.kill()
            await container.remove()
            runtime.take_away(self.host.root("web"))
            return said

        answer: str = self.host.do(scenario)
        return answer


@pytest.fixture
def desk(blobs: s3.Blobs, host: Host) -> Iterator[ContainerDesk]:
    desk = ContainerDesk(stager=None, blobs=blobs, host=host)  # type: ignore[arg-type]
    yield desk
    work = host.folder / "staging"
    assert not work.exists() or list(work.iterdir()) == [], "a build left files behind"
    assert str(work) not in sh("mount"), "a build left its disk behind"
    left = docker.from_env().containers.list(all=True, filters={"name": f"zf-{host.base.name}-build"})
    assert left == [], "a build left its container behind"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and where builds find it on the web: at a place that the operator has allowed."""
    with an_address_of_this_host(MIRROR):
        server = ThreadingHTTPServer((MIRROR, 0), functools.partial(Quiet, directory=str(tmp_path)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield tmp_path, f"http://{MIRROR}:{server.server_port}"
        server.shutdown()
        server.server_close()


def test_a_heroku_buildpack_from_git_compiles_keeps_its_cache_and_finds_its_paths_again(
    desk: ContainerDesk, web: tuple[Path, str]
) -> None:
    folder, url = web
    places = '#!/bin/sh\necho "compiled in $1"\necho "export COMPILED_IN=$1" > "$1/place.sh"\n'
    compile_ = str(HEROKU["bin/compile"]).replace("#!/bin/sh\n", places, 1)
    repository(folder, "heroku", {**HEROKU, "bin/compile": compile_})
    ask = functools.partial(desk.request, {"serve.sh": SERVE}, f"{url}/heroku.git", env={"COLOR": "blue"})
    finished = desk.stage(ask())
    assert "-----> compiling with blue" in desk.log
    assert "compiled in /home/vcap/app" in desk.log
    env = desk.run(finished, "/env").splitlines()
    assert {"GREETING=from heroku", "HOME=/home/vcap/app"} <= set(env)
    assert "seen before" not in desk.log
    assert desk.stage(ask()).droplet
    assert "seen before" in desk.log


def test_a_git_and_a_zip_buildpack_supply_and_finalize_in_their_order(
    desk: ContainerDesk, web: tuple[Path, str]
) -> None:
    folder, url = web
    repository(folder, "supply", SUPPLY, branch="v4")
    (folder / "final.zip").write_bytes(zip_of({f"final-1.0/{name}": text for name, text in FINAL.items()}))
    finished = desk.stage(desk.request({"serve.sh": SERVE}, f"{url}/supply.git#v4", f"{url}/final.zip"))
    assert "from supply 0" in desk.log, desk.log  # on the PATH of the one that follows
    assert finished.droplet
    assert [used.buildpack_name for used in finished.droplet.buildpacks] == ["supplier", None]
    assert {"SUPPLIED=yes", "FINALIZED=yes", "from supply 0"} <= set(desk.run(finished, "/env").splitlines())
    again = desk.request({"serve.sh": SERVE}, f"{url}/final.zip", f"{url}/supply.git#v4")
    assert "no bin/supply" in str(desk.stage(again).error_detail)


def test_a_build_reaches_public_places_and_those_allowed_but_no_others_inside(
    desk: ContainerDesk, web: tuple[Path, str], host: Host
) -> None:
    _, url = web
    with an_address_of_this_host(PRIVATE):
        private = ThreadingHTTPServer((PRIVATE, 0), Quiet)
        threading.Thread(target=private.serve_forever, daemon=True).start()
        places = {
            "mirror": url,
            "private": f"http://{PRIVATE}:{private.server_port}",
            "metadata": "http://169.254.169.254",
        }
        script = "\n".join(
            f"curl -s -m 5 -o /dev/null {place}/ && echo {name} answers || echo {name} is silent"
            for name, place in places.items()
        )
        desk.failure(f"{script}\nexit 1")
        private.shutdown()
        private.server_close()
    assert [line for _, line in desk.lines if "answers" in line or "silent" in line] == [
        "mirror answers", "private is silent", "metadata is silent",
    ]  # fmt: skip
    bridge = docker_bridge.interface(f"zf-{host.base.name}-builds")
    rules = sh("iptables", "-S", docker_egress.chains(bridge)[0])
    for network in docker_egress.NOT_PUBLIC:
        assert f"-d {network} -j REJECT" in rules
    assert f"-d {MIRROR}/32 -j RETURN" in rules


def test_packets_of_a_build_get_where_its_security_groups_let_them_and_those_of_the_next_one_do_not(
    desk: ContainerDesk,
) -> None:
    opened = (Egress("tcp", (f"{NEAR}/32", "169.254.0.0/16"), "443"),)
    knock = "\n".join(
        f"if timeout 3 bash -c 'exec 3<>/dev/tcp/{address}/{port}'; then echo {address} {port} open; "
        f"else echo {address} {port} shut; fi"
        for address, port in ((NEAR, 443), (NEAR, 80), (METADATA, 443))
    )
    with a_listening_neighbour("zfstg", 80, 443):
        desk.failure(f"{knock}\nexit 1", egress=opened)
        assert told(desk) == [f"{NEAR} 443 open", f"{NEAR} 80 shut", f"{METADATA} 443 shut"]
        desk.failure(f"{knock}\nexit 1")
        assert told(desk) == [f"{NEAR} 443 shut", f"{NEAR} 80 shut", f"{METADATA} 443 shut"]
        assert packets_to("zfstg", METADATA) == 0


def told(desk: ContainerDesk) -> list[str]:
    return [line for _, line in desk.lines if line.endswith((" open", " shut"))]


def test_a_build_is_an_ordinary_user_with_what_it_may_know_and_no_more(desk: ContainerDesk) -> None:
    script = "grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status; id -un; env | cut -d= -f1 | sort | paste -sd,; exit 1"
    desk.failure(script, env={"MINE": "1"})
    status = dict(line.split(":\t", 1) for _, line in desk.lines if ":\t" in line)
    assert {status[name] for name in ("CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert "vcap" in [line for _, line in desk.lines]
    (names,) = [line.split(",") for _, line in desk.lines if "VCAP_APPLICATION" in line]
    assert "MINE" in names
    assert [name for name in names if name.startswith(("AWS_", "ZF_", "DOCKER_", "PIP_"))] == []


def test_each_limit_that_ends_a_build_is_named(desk: ContainerDesk) -> None:
    small = Limits(memory_mb=128, disk_mb=64, fds=256)
    fill = desk.failure("head -c 100M /dev/zero > $1/big", limits=small)
    assert fill == ("StagingError", "staging used more than its 64 MB of disk")
    scratch = desk.failure("head -c 100M /dev/zero > /tmp/big || { rm /tmp/big; exit 4; }", limits=small)
    assert scratch == fill
    eat = desk.failure("exec python3 -c 'print(len(bytearray(2**30)))'", limits=small)
    assert eat == ("StagingError", "staging used more than its 128 MB of memory")
    slow = desk.failure("sleep 600", timeout_s=3)
    assert slow == ("StagingTimeExpired", "staging took longer than 3 seconds")
    forks = desk.failure("for i in $(seq 4000); do sleep 60 & done 2>/dev/null; echo survived; exit 9", limits=small)
    assert forks[0] in ("BuildpackCompileFailed", "StagingError")


def test_an_app_that_does_not_fit_is_told_so(desk: ContainerDesk) -> None:
    request = desk.request({"big": bytes(40 * 2**20)}, limits=Limits(memory_mb=128, disk_mb=32, fds=256))
    assert desk.stage(request).error_detail == "staging used more than its 32 MB of disk"


def test_lines_come_while_the_build_runs_and_a_cancelled_one_ends_at_once(desk: ContainerDesk) -> None:
    pack = desk.installed("one", {"bin/compile": "#!/bin/sh\necho begun\nsetsid sleep 1000 &\nsleep 1000\n"})
    request = desk.request({"file": "x"}, "one", installed=(pack,))
    cancelled: list[float] = []

    def on_line(line: str) -> None:
        if line == "begun":
            cancelled.append(time.monotonic())
            task = asyncio.ensure_future(desk.stager.cancel(request.build_guid))
            task.add_done_callback(lambda done: done.exception())

    desk.on_line = on_line
    assert desk.stage(request).error_id == "Cancelled"
    assert time.monotonic() - cancelled[0] < 20


def test_an_agent_that_comes_back_ends_what_the_last_one_was_building(desk: ContainerDesk, host: Host) -> None:
    aside = host.folder / "staging" / "build-1"

    async def killed(runtime: DockerRuntime) -> None:
        """Leaves as an agent that is killed: nothing is tidied up, nobody closes the wire."""
        desk.at(runtime)
        sandboxes = runtime.sandboxes(host.folder / "staging-cache", host.folder / "staging", ALLOWED)
        aside.mkdir()
        sandboxes.make(folder_in(aside), 64)
        folders, limits = Folders(folder_in(aside), aside, UID_BASE), Limits(memory_mb=64, disk_mb=64)
        sandbox = sandboxes.open(Room(aside.name, folders.root, {"PATH": SYSTEM_PATH}, limits, UID_BASE))
        begun = asyncio.Event()
        script = ["sh", "-c", "echo begun; exec sleep 1000"]
        running = asyncio.create_task(sandbox.run(script, lambda *line: begun.set()))
        await begun.wait()
        assert not running.done()

    async def again(runtime: DockerRuntime) -> None:
        await runtime.sweep(set())
        desk.at(runtime)

    host.do(killed)
    assert str(aside) in sh("mount")
    host.do(again)
    assert not aside.exists()
