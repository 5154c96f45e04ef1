"""What of a space's network reaches the hosts: the segment with the discover, groups and policies with the start."""

import json
from urllib.parse import unquote_plus

from chalicelib.adapters.clock import now
from chalicelib.contracts.auction import Discover
from chalicelib.contracts.codec import from_json
from chalicelib.contracts.network import Egress, PolicyTo
from chalicelib.contracts.runspec import RunSpec, StagingSpec
from chalicelib.core.taint import Host, eligible
from chalicelib.services import environment, placements, tasks
from chalicelib.tables.actual import Dea
from chalicelib.tables.apps import Build
from chalicelib.tables.tasks import Task
from tests.functional.client import Client
from tests.functional.placements.conftest import Scene

SEGMENTS, GROUPS, POLICIES = "/v3/isolation_segments", "/v3/security_groups", "/networking/v1/external/policies"


def spec_of(scene: Scene) -> RunSpec:
    process = scene.read()
    key = placements.run_spec_key(str(process.guid), int(process.version))
    return from_json(RunSpec, json.loads(scene.world.blobs.get_bytes(key)))


def restart(scene: Scene) -> Discover:
    scene.start()
    return scene.discover()


def takers(discover: Discover) -> list[str | None]:
    """Segments of the hosts that would bid."""
    hosts = [None, "vault", "Safe"]
    return [
        name
        for name in hosts
        if eligible(Host(discover.stack, discover.arch or "any", 4096, 4096, isolation_segment=name), discover)
    ]


def test_work_goes_to_the_hosts_of_its_spaces_segment_else_of_its_organizations_from_its_next_start_on(
    api: Client, org: str, space: str, scene: Scene
) -> None:
    def segment(name: str) -> str:
        guid = api.admin.post(SEGMENTS, json={"name": name}).guid
        api.admin.post(f"{SEGMENTS}/{guid}/relationships/organizations", json={"data": [{"guid": org}]})
        return guid

    def assign(path: str, guid: str | None) -> None:
        done = api.admin.patch(path, json={"data": guid and {"guid": guid}})
        assert done.status == 200, done.text

    vault, safe, shared = segment("vault"), segment("Safe"), segment("shared")
    default = f"/v3/organizations/{org}/relationships/default_isolation_segment"
    own = f"/v3/spaces/{space}/relationships/isolation_segment"
    assert takers(restart(scene)) == [None]
    assign(default, vault)
    # What runs stays where it is, and so does what is found a new place before its next start.
    row = scene.rows()[0]
    assert takers(placements.process_discover(scene.read(), scene.droplet, [row])) == [None]
    assert takers(restart(scene)) == ["vault"]
    assign(own, safe)
    assert takers(restart(scene)) == ["Safe"]
    assert takers(placements.process_discover(scene.read(), scene.droplet, [row])) == ["Safe"]
    stats = api.admin.get(f"/v3/processes/{scene.process.guid}/stats").json["resources"]
    assert {one["isolation_segment"] for one in stats} == {"Safe"}
    build = Build("build", app_guid=scene.app.guid, space_guid=space, stack="cflinuxfs4")
    unit = scene.world.unit()
    placements.open_staging(scene.world, unit, build, scene.app)
    unit.commit()
    assert takers(scene.discover()) == ["Safe"]
    task = Task("task", app_guid=scene.app.guid, space_guid=space, memory_mb=64, disk_mb=64, command="run")
    task.isolation_segment = environment.task_spec(scene.world, scene.app, task).isolation_segment
    assert takers(tasks.discover(task, scene.droplet, row)) == ["Safe"]
    assign(own, shared)
    assert takers(restart(scene)) == [None]
    assign(own, None)
    assert takers(restart(scene)) == ["vault"]


def test_an_instance_is_started_with_the_groups_and_policies_that_there_are_at_its_start(
    api: Client, space: str, scene: Scene
) -> None:
    def group(name: str, destination: str, **more: object) -> str:
        rule = {"protocol": "tcp", "destination": destination, "ports": "80, 443", "log": True}
        icmp = {"protocol": "icmp", "destination": destination, "type": 8, "code": 0}
        return api.admin.post(GROUPS, json={"name": name, "rules": [rule, icmp], **more}).guid

    def opened(spec: RunSpec | StagingSpec) -> set[str]:
        return {place for egress in spec.egress for place in egress.destinations}

    group("everywhere", "10.0.0.1", globally_enabled={"running": True})
    group("builds", "10.0.0.2", globally_enabled={"staging": True})
    bound = group("bound", "10.0.0.3,10.0.1.0-10.0.1.9")
    group("nobody's", "10.0.0.4")
    restart(scene)
    assert opened(spec_of(scene)) == {"10.0.0.1"}
    bind = f"{GROUPS}/{bound}/relationships/running_spaces"
    assert api.admin.post(bind, json={"data": [{"guid": space}]}).status == 200
    body = {"name": "store", "relationships": {"space": {"data": {"guid": space}}}}
    store, source = api.admin.post("/v3/apps", json=body).guid, str(scene.app.guid)
    ends = [(source, store), (store, source)]
    ports = {"start": 8080, "end": 8090}
    policies = [
        {"source": {"id": one}, "destination": {"id": other, "protocol": "udp", "ports": ports}} for one, other in ends
    ]
    assert api.admin.post(POLICIES, json={"policies": policies}).status == 200
    assert opened(spec_of(scene)) == {"10.0.0.1"}
    restart(scene)
    spec = spec_of(scene)
    assert spec.egress == (
        Egress("tcp", ("10.0.0.1",), "80,443", log=True),
        Egress("icmp", ("10.0.0.1",), type=8, code=0),
        Egress("tcp", ("10.0.0.3", "10.0.1.0-10.0.1.9"), "80,443", log=True),
        Egress("icmp", ("10.0.0.3", "10.0.1.0-10.0.1.9"), type=8, code=0),
    )
    assert spec.policies == (PolicyTo(store, "udp", 8080, 8090),)
    build = Build("build", app_guid=scene.app.guid, space_guid=space)
    assert opened(environment.staging_spec(scene.world, scene.app, build)) == {"10.0.0.2"}
    assert api.admin.delete(f"{bind}/{space}").status == 204
    restart(scene)
    assert opened(spec_of(scene)) == {"10.0.0.1"}


def test_writes_say_so_while_there_are_hosts_that_run_apps_uncontained(api: Client, space: str) -> None:
    def told(name: str, **more: object) -> list[str]:
        made = api.admin.post(GROUPS, json={"name": name, **more})
        return [unquote_plus(text) for text in made.headers.get("x-cf-warnings", "").split(",") if text]

    def host(name: str, runtime: str, seen_at: float) -> None:
        about = dict.fromkeys(("http", "queue_url", "stack", "arch", "host"), "")
        Dea("all", name, boot="b", seq=1, seen_at=seen_at, runtime=runtime, **about).save()

    host("contained", "docker", now())
    host("long-silent", "process", now() - 3600)
    assert told("one") == []
    assert told("two", globally_enabled={"staging": True}) == []
    host("plain", "process", now())
    assert [text[:12] for text in told("three")] == ["Not enforced"]
    staging = f"{GROUPS}/{api.admin.get(GROUPS, names='one').guids[0]}/relationships/staging_spaces"
    bound = api.admin.post(staging, json={"data": [{"guid": space}]})
    assert "Not enforced" in unquote_plus(bound.headers["x-cf-warnings"])
