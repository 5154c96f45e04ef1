"""What a machine does when it boots; programs of the system are stand-ins that note how they were called."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.hosts.build import FILES
from tests.functional.hosts.test_leaving import Site, served

UNITS = sorted(FILES.glob("*.service"))


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site(said={"instance-id": "i-0123456789abcdef0", "local-ipv4": "10.64.3.7"})
    with served(site):
        yield site


class Machine:
    """root: where it installs. called: programs and their arguments."""

    def __init__(self, folder: Path, site: Site) -> None:
        self.root, self.bin, self._log = folder / "root", folder / "bin", folder / "called"
        (self.root / "etc" / "zerofoundry").mkdir(parents=True)
        (self.root / "var" / "lib").mkdir(parents=True)
        self.answers_at(site.url.rpartition(":")[2])
        self.bin.mkdir()
        for name in ("systemctl", "useradd", "python3.11", "journalctl"):
            stand_in = self.bin / name
            stand_in.write_text(f'#!/bin/sh\necho "{name} $*" >> {self._log}\n')
            stand_in.chmod(0o755)
        (self.bin / "id").write_text("#!/bin/sh\nexit 1\n")
        (self.bin / "id").chmod(0o755)
        self._site = site

    def answers_at(self, port: str) -> None:
        """Where the agent is, once it has been started."""
        settings = f"ZF_PREFIX=zf\nZF_DOMAIN=apps.example.com\nZF_HTTP_PORT={port}\n"
        (self.root / "etc" / "zerofoundry" / "settings").write_text(settings)

    def install(self, kind: str) -> subprocess.CompletedProcess[str]:
        env = os.environ | {"PATH": f"{self.bin}:{os.environ['PATH']}", "ZF_ROOT": str(self.root)}
        env |= {"AWS_EC2_METADATA_SERVICE_ENDPOINT": self._site.url, "no_proxy": "127.0.0.1", "ZF_READY_S": "2"}
        return subprocess.run([FILES / "install", kind], env=env, capture_output=True, text=True, check=False)

    @property
    def called(self) -> list[str]:
        return self._log.read_text().splitlines()

    @property
    def environment(self) -> dict[str, str]:
        text = (self.root / "etc" / "zerofoundry" / "environment").read_text()
        return dict(line.split("=", 1) for line in text.splitlines())


@pytest.fixture
def machine(tmp_path: Path, site: Site) -> Machine:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed; Amazon Linux has it")
    return Machine(tmp_path, site)


def test_a_dea_is_called_by_its_instance_and_told_its_size(machine: Machine) -> None:
    done = machine.install("dea")
    assert done.returncode == 0, done.stderr
    env = machine.environment
    assert (env["ZF_DEA_ID"], env["ZF_HOST"]) == ("i-0123456789abcdef0", "10.64.3.7")
    assert (env["ZF_PREFIX"], env["ZF_DOMAIN"]) == ("zf", "apps.example.com")
    assert int(env["ZF_DEA_MEMORY_MB"]) > 256
    assert int(env["ZF_DEA_DISK_MB"]) > 0
    assert machine.called[-1] == "systemctl enable --now zerofoundry-dea.service zerofoundry-leaving.service"
    assert (machine.root / "etc/systemd/system/zerofoundry-dea.service").exists()
    # Nobody else on the machine needs to read it.
    assert (machine.root / "etc/zerofoundry/environment").stat().st_mode & 0o777 == 0o600
    assert machine.install("dea").returncode == 0


def test_a_router_has_a_user_of_its_own_and_all_processors(machine: Machine) -> None:
    done = machine.install("router")
    assert done.returncode == 0, done.stderr
    assert machine.environment["ZF_ROUTER_ID"] == "i-0123456789abcdef0"
    assert int(machine.environment["ZF_ENVOY_CONCURRENCY"]) >= 1
    assert any(line.startswith("useradd --system") for line in machine.called)
    assert "zerofoundry-uploader.service" in machine.called[-1]


def test_a_machine_whose_agent_does_not_come_up_is_no_host_and_says_why(machine: Machine) -> None:
    machine.answers_at("9")
    done = machine.install("router")
    assert done.returncode == 1
    assert "the agent does not answer at port 9" in done.stderr
    assert machine.called[-1].startswith("journalctl --no-pager --lines 50 --unit zerofoundry-router")


def test_another_kind_is_refused_and_changes_nothing(machine: Machine) -> None:
    done = machine.install("database")
    assert done.returncode == 2
    assert "a host is a dea or a router, not 'database'" in done.stderr
    assert not (machine.root / "etc/zerofoundry/environment").exists()


def test_a_machine_without_metadata_is_no_host(machine: Machine, site: Site) -> None:
    site.said.clear()
    assert machine.install("dea").returncode != 0
    assert not (machine.root / "etc/zerofoundry/environment").exists()


def test_units_are_what_systemd_understands() -> None:
    if shutil.which("systemd-analyze") is None or not Path("/usr/bin/python3.11").exists():
        pytest.skip("systemd-analyze, or the /usr/bin/python3.11 that the units name, is not here")
    done = subprocess.run(["systemd-analyze", "verify", *UNITS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.replace("docker.service", "")) == (0, ""), done.stderr


def test_scripts_are_clean() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(["shellcheck", FILES / "install"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
