"""What instances use, as it goes to the routers."""

import json

from chalicelib.contracts.auction import TASK
from chalicelib.contracts.heartbeat import Usage
from dea_agent.gauges import batches
from tests.unit.dea_agent.builders import an_instance

SAMPLE = Usage(cpu=0.125, memory_bytes=7, disk_bytes=8, log_rate=9, sampled_at=5.5)


def test_the_instances_of_an_app_go_together_and_in_the_units_of_cloud_foundry() -> None:
    one = an_instance("i-0", app_guid="shop", index=0, log_grant="grant")
    two = an_instance("i-1", app_guid="shop", index=1, log_grant="grant")
    (batch,) = batches({"i-0": one, "i-1": two}, {"i-0": SAMPLE, "i-1": SAMPLE})
    assert (batch.source_id, batch.grant) == ("shop", "grant")
    assert [(entry.instance_guid, entry.instance_id, entry.type) for entry in batch.entries] == [
        ("i-0", "0", "GAUGE"),
        ("i-1", "1", "GAUGE"),
    ]
    assert batch.entries[0].timestamp == batch.entries[0].offset == 5_500_000_000
    assert json.loads(batch.entries[0].text) == {
        "cpu": 12.5,
        "memory": 7,
        "disk": 8,
        "memory_quota": one.limits.memory_mb * 1024 * 1024,
        "disk_quota": one.limits.disk_mb * 1024 * 1024,
        "log_rate": 9,
    }


def test_tasks_and_what_is_gone_have_no_gauges() -> None:
    task = an_instance("t-0", work=TASK)
    assert batches({"t-0": task}, {"t-0": SAMPLE, "gone": SAMPLE}) == []
