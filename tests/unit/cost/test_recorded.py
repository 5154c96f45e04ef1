"""What benchmarks/scale.py sweeps is an installation as the HealthManager would find it."""

import json
import time

import pytest

from benchmarks.recorded import PAGE_BYTES, Recorded, Size, instead_of_dynamodb, pages
from chalicelib.adapters.bus import Bus
from chalicelib.config import from_env
from chalicelib.services.health import full, rows
from chalicelib.services.health.packed import unpack
from chalicelib.services.health.world import HealthWorld
from infra.local.account import CREDENTIALS

SIZE = Size(deas=30, instances=9_000, per_process=3)


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set here, so that they are taken back."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


def test_a_sweep_finds_all_of_it_as_desired() -> None:
    now = time.time()
    config = from_env({"ZF_PREFIX": "zf"})
    world = HealthWorld(config, Bus("hm", config.prefix), lambda hosts: set())
    recorded = Recorded(SIZE, now)
    with instead_of_dynamodb(recorded):
        counts = full.sweep(world, lambda: now)
        hosts = rows.all_hosts()
    assert (counts.processes, counts.instances, counts.drifting) == (3_000, 9_000, 0)
    assert [len(unpack(row)) for row in hosts] == [300] * 30
    assert recorded.calls > 16 + 3_000 / 100


def test_a_sweep_of_it_says_nothing_when_nobody_was_heard() -> None:
    """A minute later it is as for a HealthManager that was cut off."""
    now = time.time()
    config = from_env({"ZF_PREFIX": "zf"})
    world = HealthWorld(config, Bus("hm", config.prefix), lambda hosts: set())
    with instead_of_dynamodb(Recorded(SIZE, now)):
        assert full.sweep(world, lambda: now + 60).processes == 0


def test_pages_end_at_a_megabyte_and_say_where_they_end() -> None:
    items = [{"pool": {"S": "all"}, "id": {"S": f"{number:03}"}, "x": {"S": "x" * 40_000}} for number in range(60)]
    answers = [json.loads(body) for body in pages(items, ("pool", "id"))]
    assert [item for answer in answers for item in answer["Items"]] == items
    assert [answer.get("LastEvaluatedKey", {}).get("id") for answer in answers] == [{"S": "025"}, {"S": "051"}, None]
    assert all(len(answer["Items"]) * 40_000 < PAGE_BYTES for answer in answers)
