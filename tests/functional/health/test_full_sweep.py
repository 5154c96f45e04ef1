"""Desired against actual state, with the tables. Invariant 3: no stop on stale desired state, none while a start is
due. Local timers: stable after 8 s, unknown after 15 s."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from chalicelib.services.health import full
from chalicelib.services.health.world import HealthWorld
from chalicelib.tables import presence
from chalicelib.tables.actual import HealthState
from chalicelib.tables.base import Member
from chalicelib.tables.running import DESIRED_SHARDS, Process
from tests.functional.health.support import FakeDea, Stage

Interference = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def dea(stage: Stage) -> FakeDea:
    """A host with instances 0 and 1 of a process of two, long since running and as CC placed them."""
    stage.want(instances=2)
    dea = stage.dea("dea-0").runs("i0", 0, since=stage.now - 500).runs("i1", 1, since=stage.now - 500)
    stage.place(0, "i0")
    stage.place(1, "i1")
    dea.beat()
    return dea


def stops(stage: Stage) -> list[tuple[str, str]]:
    """Guid and reason of every ``hm.stop``; nothing else was said."""
    found = stage.complaints()
    assert {subject for subject, _ in found} <= {"hm.stop"}, found
    return [(body["instance_guid"], body["reason"]) for _, body in found]


def test_a_whole_cloud_is_swept_without_a_word_and_with_few_reads(
    stage: Stage, dea: FakeDea, counting: Callable
) -> None:
    with counting() as calls:
        counts = stage.full_sweep()
    assert str(counts) == "processes=1 instances=2 drifting=0 starts=0 stops=0 routes=0 promised_percent=0"
    # HM's memory; hosts and 16 lists; the one process.
    assert calls == {"GetItem": 1, "Query": 1 + DESIRED_SHARDS, "BatchGetItem": 1}
    assert stage.complaints() == []


def test_a_missing_instance_is_complained_about_by_the_name_that_cc_knows(stage: Stage, dea: FakeDea) -> None:
    del dea.instances["i1"]
    dea.beat()
    assert stage.full_sweep().starts == 1
    assert stage.starts() == [(1, "i1", "missing")]


def test_an_instance_that_was_never_placed_is_missing(stage: Stage) -> None:
    stage.want()
    stage.full_sweep()
    assert stage.starts() == [(0, None, "missing")]


@pytest.mark.parametrize(
    ("state", "opened_s_ago", "is_pending"),
    [
        ("OPEN", 79, True),
        ("OPEN", 80, False),
        ("CLAIMED", 71, True),
        ("CLAIMED", 72, False),
        ("STARTED", 7, True),
        ("STARTED", 72, False),
    ],
)
def test_what_has_a_placement_under_way_is_not_missing(
    stage: Stage, dea: FakeDea, state: str, opened_s_ago: float, is_pending: bool
) -> None:
    stage.place(1, "next", state, opened_s_ago)
    del dea.instances["i1"]
    dea.beat()
    stage.full_sweep()
    assert stage.starts() == ([] if is_pending else [(1, "next", "missing")])


def test_a_crash_whose_restart_is_not_due_is_not_missing(stage: Stage, dea: FakeDea) -> None:
    for number in range(5):
        dea.runs(f"next-{number}", 1).crashes(f"next-{number}")
    dea.instances = {"i0": dea.instances["i0"], "next-4": dea.instances["next-4"]}
    stage.complaints()
    for later_s, found in ((0, []), (9, []), (2, [(1, "i1", "crashed")])):
        stage.now += later_s
        dea.beat()
        stage.listen_for(3600)
        stage.full_sweep()
        assert stage.starts() == found


def test_what_is_worst_off_is_served_first(stage: Stage, dea: FakeDea) -> None:
    del dea.instances["i1"]
    dea.beat()
    stage.want("down", instances=1)
    stage.full_sweep()
    assert [body["process_guid"] for _, body in stage.complaints()] == ["down", "p"]


def test_extra_instances_of_a_whole_process_are_stopped(stage: Stage, dea: FakeDea) -> None:
    dea.runs("extra", 2, since=stage.now - 500).runs("old", 0, version=0, since=stage.now - 500)
    dea.runs("twice", 1, since=stage.now - 400)
    dea.beat()
    stage.full_sweep()
    assert sorted(stops(stage)) == [
        ("extra", "index is not wanted"),
        ("old", "version is not wanted"),
        ("twice", "index runs elsewhere"),
    ]


def test_a_stop_says_all_that_cc_needs(stage: Stage, dea: FakeDea) -> None:
    dea.runs("extra", 2, since=stage.now - 500).beat()
    stage.full_sweep()
    assert stage.complaints() == [
        (
            "hm.stop",
            {
                "process_guid": "p",
                "app_guid": "app-of-p",
                "version": 1,
                "index": 2,
                "instance_guid": "extra",
                "dea": "dea-0",
                "queue_url": "http://queue/dea-0-boot-1",
                "reason": "index is not wanted",
            },
        )
    ]


def test_invariant_3_no_extra_or_duplicate_stop_while_the_app_has_a_start_due(stage: Stage, dea: FakeDea) -> None:
    dea.runs("extra", 2, since=stage.now - 500).runs("old", 0, version=0, since=stage.now - 500)
    dea.runs("twice", 0, since=stage.now - 400)
    stage.place(1, "next", "OPEN", s_ago=1)
    del dea.instances["i1"]
    dea.beat()
    stage.full_sweep()
    assert stage.complaints() == []


def test_invariant_3_no_stop_when_desired_state_moves_while_we_look(
    stage: Stage, dea: FakeDea, just_before: Interference
) -> None:
    dea.runs("extra", 2, since=stage.now - 500).beat()
    scaled_up = lambda: stage.want(instances=3, changed_s_ago=0)  # noqa: E731
    with just_before("Query", scaled_up):
        full.check(stage.hm, "p", presence.hearing(), stage.now)
    assert stage.complaints() == []


def test_invariant_3_no_stop_on_the_word_of_a_silent_host(stage: Stage, dea: FakeDea) -> None:
    dea.runs("extra", 2, since=stage.now - 500).beat()
    stage.now += 7
    stage.listen_for(3600)
    stage.full_sweep()
    assert stage.complaints() == []


def test_invariant_3_a_deleted_process_is_stopped_only_when_we_must_know_better(stage: Stage, dea: FakeDea) -> None:
    process = Process.get("p")
    Member.get(process.desired_list, f"{process.created_at}#p").delete()
    process.delete()
    stage.listen_for(14)
    stage.full_sweep()
    assert stage.complaints() == []
    stage.listen_for(15)
    stage.full_sweep()
    assert sorted(stops(stage)) == [("i0", "process is unknown"), ("i1", "process is unknown")]


def test_a_new_instance_of_an_unknown_process_has_its_grace(stage: Stage) -> None:
    dea = stage.dea("dea-0").runs("i0", since=stage.now)
    stage.pass_time(14)
    assert stage.complaints() == []
    stage.pass_time(6)
    assert dea.speaks
    assert ("i0", "process is unknown") in stops(stage)


def test_a_stopped_process_is_stopped_again_where_the_stop_was_not_heard(stage: Stage, dea: FakeDea) -> None:
    process = Process.get("p")
    Member.get(process.desired_list, f"{process.created_at}#p").delete()
    process.state, process.changed_at = "STOPPED", stage.now
    process.save()
    stage.full_sweep()
    assert stage.complaints() == []
    stage.now += 8
    dea.beat()
    stage.listen_for(3600)
    stage.full_sweep()
    assert sorted(stops(stage)) == [("i0", "process is stopped"), ("i1", "process is stopped")]


def test_an_evacuating_instance_is_tolerated_beside_its_replacement(stage: Stage, dea: FakeDea) -> None:
    leaving = stage.dea("dea-1").runs("leaving", 0, "EVACUATING", since=stage.now - 500)
    leaving.draining = True
    leaving.beat()
    stage.full_sweep()
    assert stage.complaints() == []


def test_an_evacuating_instance_without_a_replacement_is_complained_about(stage: Stage, dea: FakeDea) -> None:
    dea.runs("i0", 0, "EVACUATING", since=stage.now - 500).beat()
    stage.full_sweep()
    assert stage.starts() == [(0, "i0", "evacuation")]


def test_instances_that_lag_behind_their_routes_are_complained_about(stage: Stage, dea: FakeDea) -> None:
    process = Process.get("p")
    process.routes_version = 2
    process.save()
    stage.full_sweep()
    assert stage.complaints() == [("hm.routes", {"process_guid": "p"})]
    dea.runs("i0", 0, routes_version=2).runs("i1", 1, routes_version=2).beat()
    stage.full_sweep()
    assert stage.complaints() == []


def test_nothing_is_said_before_everybody_had_time_to_be_heard(stage: Stage) -> None:
    stage.want()
    stage.listen_for(5)
    stage.full_sweep()
    HealthState("hearing").delete()
    stage.full_sweep()
    assert stage.complaints() == []


def test_shards_can_be_swept_apart(stage: Stage) -> None:
    for number in range(20):
        stage.want(f"p{number}")
    swept = [full.sweep(stage.hm, lambda: stage.now, [shard]) for shard in range(DESIRED_SHARDS)]
    assert sum(counts.processes for counts in swept) == 20
    assert max(counts.processes for counts in swept) < 20
    assert len({body["process_guid"] for _, body in stage.complaints()}) == 20


def test_more_processes_than_one_batch_holds_are_swept(stage: Stage) -> None:
    shard_of = {Process(f"p{number}").desired_list: [] for number in range(64)}
    wanted = next(iter(shard_of))
    names = [f"p{n}" for n in range(4000) if Process(f"p{n}").desired_list == wanted][:130]
    for name in names:
        stage.want(name, instances=0)
    assert full.sweep(stage.hm, lambda: stage.now, [int(wanted.partition("/")[2])]).processes == 130


def test_invariant_4_two_hms_that_sweep_at_once_say_the_same(
    stage: Stage, dea: FakeDea, another_hm: Callable[[], HealthWorld]
) -> None:
    dea.runs("extra", 2, since=stage.now - 500).beat()
    stage.want("down")
    stage.full_sweep()
    first = stage.complaints()
    stage.full_sweep(another_hm())
    # The same names: CC acts on the first start, because its placement then names another; a stop is idempotent.
    assert stage.complaints() == first
    assert len(first) == 2
