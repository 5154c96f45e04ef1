"""Lists that are kept deflated."""

import json

from chalicelib.adapters.clock import new_guid, now
from chalicelib.tables.actual import Dea
from infra.cost.units import item_bytes
from tests.functional.cloud import Cloud


def test_a_full_hosts_list_comes_back_as_it_was_and_takes_a_third_of_its_text(cloud: Cloud) -> None:
    process = [new_guid() for _ in range(125)]
    listed = [
        [process[n // 2], 1, n % 2, new_guid(), process[n // 2], "RUNNING", 1.5, 20000 + n, 1] for n in range(250)
    ]
    known = {"boot": "b", "seq": 1, "seen_at": now(), "host": "h", "http": "h", "queue_url": "q"}
    row = Dea("all", "dea-full", stack="s", arch="a", instances=listed, **known)
    row.save()
    assert Dea.get("all", "dea-full").instances == listed
    assert item_bytes(row.serialize()) < len(json.dumps(listed)) / 2.5
    assert Dea("all", "dea-new", **known).instances == []
