"""Two DEAs and two routers as hosts of their own: lost, cut off, emptied and started anew, and kept apart."""

import os
import socket
from contextlib import suppress
from pathlib import Path

from tests.hosts.site import GATEWAY, ROUTER_PORT, Machine, Site
from tests.support.platform import Traffic, eventually


def traces(machine: Machine) -> str:
    """All that the processes of a host name: commands, variables, folders, open files, mapped files."""
    said = []
    for pid in machine.pids():
        process = Path(f"/proc/{pid}")
        with suppress(OSError):
            said += [(process / name).read_bytes().decode(errors="replace") for name in ("cmdline", "environ", "maps")]
            said += [os.readlink(process / "cwd"), *(os.readlink(file) for file in (process / "fd").iterdir())]
    return "\n".join(said)


def test_hosts_have_nothing_in_common_but_the_network(site: Site, app: str) -> None:
    folders = [machine.folder for machine in site.machines]
    assert len({folder.stat().st_ino for folder in folders}) == len(folders) == 4
    assert len({os.stat(f"/run/netns/{machine.name}").st_ino for machine in site.machines}) == 4
    for machine in site.machines:
        said = traces(machine)
        assert str(machine.folder) in said
        assert not [folder for folder in folders if folder != machine.folder and str(folder) in said]
    # Nobody reaches this machine but for AWS, and each of them is reached by the others.
    home, other = site.home_of(app)
    listener = socket.create_server((GATEWAY, 0))
    knock = "import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"

    def reaches(host: str, port: int) -> bool:
        done = other.run("python3", "-c", knock, host, str(port))
        return done.returncode == 0

    assert not reaches(GATEWAY, listener.getsockname()[1])
    listener.close()
    assert reaches(next(iter(site.routers.values())).address, ROUTER_PORT)
    assert reaches(home.address, site.running(home, app)[0]["port"])


def test_a_host_that_is_lost_is_replaced_and_has_its_duplicates_stopped_when_it_is_back(site: Site, app: str) -> None:
    lost, other = site.home_of(app)
    guids = {one["instance_guid"] for one in site.running(lost, app)}
    with lost.unplugged():
        eventually(lambda: site.places(app)[other.name] == [0, 1], 60)
        eventually(lambda: {site.platform.who(app)["index"] for _ in range(8)} == {0, 1}, 60)
        # It has worked on, alone: nobody could tell it otherwise.
        assert guids == {one["instance_guid"] for one in site.running(lost, app)}
    site.until_whole(app, 90)
    with Traffic(site.platform, app) as traffic:
        eventually(lambda: traffic.sent > 50)
    assert traffic.failures == []


def test_a_host_that_is_heard_by_nobody_but_hears_ends_its_duplicates_too(site: Site, app: str) -> None:
    cut, other = site.home_of(app)
    with cut.mute():
        eventually(lambda: site.places(app)[other.name] == [0, 1], 60)
    site.until_whole(app, 90)
    site.platform.zf("restart", app)
    site.until_whole(app)


def test_a_router_that_is_lost_takes_no_app_along(site: Site, app: str) -> None:
    lost, other = site.routers.values()
    with lost.unplugged():
        assert site.platform.get(app, router=f"http://{other.address}:{ROUTER_PORT}").status_code == 200
        site.platform.zf("restart", app)
        site.until_whole(app)
        eventually(lambda: site.platform.get(app, router=f"http://{other.address}:{ROUTER_PORT}").status_code == 200)
    # What it has missed it learns.
    eventually(lambda: site.platform.get(app, router=f"http://{lost.address}:{ROUTER_PORT}").status_code == 200, 60)


def test_a_drained_host_loses_no_request(site: Site, app: str) -> None:
    drained, other = site.home_of(app)
    with Traffic(site.platform, app) as traffic:
        drained.ask("dea", "/drain", "POST")
        assert drained.running["dea"].wait(90) == 0
        assert sorted(one["index"] for one in site.running(other, app)) == [0, 1]
        drained.start()
        eventually(lambda: traffic.sent > 20)
    assert traffic.failures == []
    site.platform.zf("restart", app)
    site.until_whole(app)


def test_agents_are_started_anew_one_after_the_other_and_no_request_is_lost(site: Site, app: str) -> None:
    before = {one["instance_guid"] for machine in site.deas.values() for one in site.running(machine, app)}
    with Traffic(site.platform, app) as traffic:
        for machine in site.deas.values():
            machine.stop("dea")
            machine.start()
        sent = traffic.sent
        eventually(lambda: traffic.sent > sent + 20)
    assert traffic.failures == []
    assert {one["instance_guid"] for machine in site.deas.values() for one in site.running(machine, app)} == before


def test_work_of_a_segment_runs_on_its_hosts_alone_and_other_work_never_there(site: Site, app: str) -> None:
    platform, (chosen, other) = site.platform, site.home_of(app)
    segment = platform.api("POST", "/v3/isolation_segments", json={"name": "vault"}).json()["guid"]
    path = f"/v3/isolation_segments/{segment}/relationships/organizations"
    org = platform.api("GET", "/v3/organizations", params={"names": "local"}).json()["resources"][0]["guid"]
    space = platform.api("GET", "/v3/spaces", params={"names": "dev"}).json()["resources"][0]["guid"]
    assigned = f"/v3/spaces/{space}/relationships/isolation_segment"
    platform.api("POST", path, json={"data": [{"guid": org}]}).raise_for_status()
    chosen.stop("dea")
    chosen.start(ZF_ISOLATION_SEGMENT="vault")
    try:
        platform.api("PATCH", assigned, json={"data": {"guid": segment}}).raise_for_status()
        # What runs stays; what starts goes to its hosts.
        assert sum(map(len, site.places(app).values())) == 2
        platform.zf("restart", app)
        eventually(lambda: site.places(app) == {chosen.name: [0, 1], other.name: []}, 60)
        assert {one["isolation_segment"] for one in platform.instances(app)} == {"vault"}
        platform.api("PATCH", assigned, json={"data": None}).raise_for_status()
        platform.zf("restart", app)
        eventually(lambda: site.places(app) == {chosen.name: [], other.name: [0, 1]}, 60)
    finally:
        platform.api("PATCH", assigned, json={"data": None})
        chosen.stop("dea")
        chosen.start()
