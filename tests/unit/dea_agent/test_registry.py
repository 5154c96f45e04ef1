"""What a DEA has promised, and what it remembers of messages that come late, twice or in the wrong order."""

import pytest

from chalicelib.contracts.auction import TASK, Limits, Stop
from chalicelib.contracts.heartbeat import CRASHED, EVACUATING, RUNNING, STARTING
from dea_agent.registry import MEMORY, Build, Registry, surplus_crashed
from tests.unit.dea_agent.builders import a_start, an_instance


@pytest.fixture
def registry() -> Registry:
    return Registry(memory_mb=1024, disk_mb=2048, stacks=("cflinuxfs4",))


def test_a_start_fits_until_memory_is_promised(registry: Registry) -> None:
    assert registry.why_not(a_start(limits=Limits(1024, 100))) is None
    registry.put(an_instance("other"))
    assert registry.why_not(a_start(limits=Limits(769, 100))) == "insufficient resources: memory"
    assert registry.why_not(a_start(limits=Limits(769, 1537))) == "insufficient resources: memory, disk"
    assert registry.why_not(a_start(limits=Limits(768, 1536))) is None


def test_a_build_holds_what_it_asked_for(registry: Registry) -> None:
    registry.builds["b"] = Build("b", "g", "app-1", Limits(1000, 100))
    assert registry.reserved_memory_mb == 1000
    assert registry.why_not(a_start()) == "insufficient resources: memory"


def test_a_crashed_instance_holds_nothing_but_is_still_told_of(registry: Registry) -> None:
    registry.put(an_instance(state=CRASHED))
    assert (registry.reserved_memory_mb, registry.reserved_disk_mb) == (0, 0)
    assert registry.siblings("app-1") == 1
    assert [beat.state for beat in registry.beats()] == [CRASHED]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"stack": "windows"}, "stack"),
        ({"limits": Limits(0, 10)}, "limits"),
        ({"limits": Limits(10, -1)}, "limits"),
        ({"instance_guid": "../up"}, "guid"),
        ({"instance_guid": ""}, "guid"),
        ({"process_guid": "a/b", "limits": Limits(10**30, 10)}, "memory"),
    ],
)
def test_a_start_that_makes_no_sense_here_is_refused_with_its_reason(
    registry: Registry, changes: dict[str, object], reason: str
) -> None:
    assert reason in (registry.why_not(a_start(**changes)) or "")


def test_a_draining_host_takes_nothing_and_evacuates_what_runs(registry: Registry) -> None:
    registry.put(an_instance("a", state=RUNNING))
    registry.put(an_instance("b", state=STARTING))
    registry.draining = True
    assert registry.why_not(a_start()) == "this DEA is draining"
    assert [beat.state for beat in registry.beats()] == [EVACUATING, STARTING]


def test_a_guid_is_new_once(registry: Registry) -> None:
    assert [registry.is_new("a"), registry.is_new("a"), registry.is_new("b")] == [True, False, True]


def test_a_stop_means_all_versions_up_to_its_own(registry: Registry) -> None:
    for version in (1, 2, 3):
        registry.put(an_instance(f"v{version}", version=version))
    registry.put(an_instance("other", process_guid="process-2"))
    meant = registry.note_stop(Stop("process-1", up_to_version=2))
    assert {instance.instance_guid for instance in meant} == {"v1", "v2"}


def test_a_stop_is_remembered_for_starts_that_come_after_it(registry: Registry) -> None:
    registry.note_stop(Stop("process-1", up_to_version=5, instance_guids=("lost",)))
    registry.note_stop(Stop("process-1", up_to_version=3))
    assert registry.why_not(a_start(version=5)) == "it was stopped before it started"
    assert registry.why_not(a_start(version=6)) is None
    assert registry.why_not(a_start("lost", version=6)) == "it was stopped before it started"


def test_the_memory_of_guids_is_bounded_and_forgets_the_oldest(registry: Registry) -> None:
    for number in range(MEMORY + 1):
        registry.is_new(str(number))
    assert len(registry.seen) == MEMORY
    assert registry.is_new("0")
    assert not registry.is_new(str(MEMORY))


def test_every_change_is_told(registry: Registry) -> None:
    changes: list[None] = []
    registry.on_change = lambda: changes.append(None)
    registry.put(an_instance())
    registry.drop("guid-1")
    registry.drop("guid-1")
    assert len(changes) == 2


def test_crashed_folders_go_after_their_hour_or_when_there_are_many_of_a_process() -> None:
    crashed = [an_instance(f"c{at}", state=CRASHED, since=float(at)) for at in range(10, 15)]
    running = an_instance("r", state=RUNNING, since=0.0)
    assert sorted(surplus_crashed([*crashed, running], now=20, kept_s=3600)) == ["c10", "c11"]
    assert len(surplus_crashed(crashed, now=3700, kept_s=3600)) == 5
    assert surplus_crashed(crashed[:1], now=3610, kept_s=3600) == []


def test_a_task_holds_what_it_asked_for_and_is_told_of_apart_from_instances(registry: Registry) -> None:
    task = an_instance("t", work=TASK, process_guid="task-1", process_type="job", version=0, port=0)
    registry.put(task)
    assert (registry.reserved_memory_mb, registry.siblings("app-1")) == (256, 0)
    assert (registry.beats(), registry.tasks()) == ((), ("task-1",))
    assert task.source_type == "APP/TASK/job"
    assert registry.note_stop(Stop("task-1", up_to_version=0)) == [task]
    assert registry.why_not(a_start("u", process_guid="task-1", version=0)) == "it was stopped before it started"
