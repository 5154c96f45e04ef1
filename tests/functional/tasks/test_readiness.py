"""What hosts say of readiness, in stats and in events."""

from dataclasses import replace

from chalicelib.contracts.heartbeat import InstanceReady
from tests.functional.placements.conftest import Scene, scene, started
from tests.functional.tasks.conftest import Stage

__all__ = ["scene", "started"]


def test_an_instance_that_is_not_ready_is_not_routable(stage: Stage, scene: Scene) -> None:
    scene.start()
    scene.hear(("dea.bid", scene.bid(scene.discover())))
    (start,) = scene.starts()
    stage.hear(("dea.started", replace(stage.started(start), process_guid=start.process_guid, version=1)))
    first = InstanceReady(start.process_guid, start.app_guid, 1, 0, start.instance_guid, False, 100.0)

    def routable() -> list[bool]:
        stats = stage.api.admin.get(f"/v3/processes/{start.process_guid}/stats").json["resources"]
        return [instance["routable"] for instance in stats]

    assert routable() == [True]
    stage.hear(("instance.ready", first), ("instance.ready", first))
    assert routable() == [False]
    stage.hear(("instance.ready", replace(first, is_ready=True, at=102.0)))
    stage.hear(("instance.ready", replace(first, at=101.0)))
    stage.hear(("instance.ready", replace(first, instance_guid="of another time", at=103.0)))
    assert routable() == [True]
    events = stage.api.admin.get("/v3/audit_events", target_guids=start.app_guid).json["resources"]
    assert [event["type"] for event in events] == ["audit.app.process.not-ready", "audit.app.process.ready"]
