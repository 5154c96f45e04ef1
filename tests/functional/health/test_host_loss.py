"""Silent, lost, returning and removed hosts, in local timers: a beat every 2 s, silent after 6 s."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import pytest

from chalicelib.services.health import exits, listening, quick, rows
from chalicelib.services.health.world import HealthWorld
from chalicelib.tables import presence
from chalicelib.tables.actual import Instance
from tests.functional.health.support import FakeDea, Stage

Interference = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def deas(stage: Stage) -> tuple[FakeDea, FakeDea]:
    """Two hosts, each with an instance of a process of two."""
    stage.want(instances=2)
    first, second = stage.dea("dea-0").runs("i0", 0), stage.dea("dea-1").runs("i1", 1)
    stage.pass_time(2)
    return first, second


def test_a_host_that_falls_silent_is_lost_once(stage: Stage, deas: tuple[FakeDea, FakeDea]) -> None:
    deas[0].builds, deas[0].tasks = ("build-1",), ("task-1",)
    deas[0].beat()
    deas[0].speaks = False
    stage.pass_time(6, full_sweeps=False)
    assert stage.complaints() == []
    stage.pass_time(1, full_sweeps=False)
    start, *orphans = stage.complaints()
    assert start[1] | {"app_guid": ""} == {
        "process_guid": "p",
        "version": 1,
        "index": 0,
        "instance_guid": "i0",
        "reason": "host lost",
        "app_guid": "",
    }
    assert [(subject, body["builds"], body["tasks"]) for subject, body in orphans] == [
        ("hm.orphan", ["build-1"], []),
        ("hm.orphan", [], ["task-1"]),
    ]
    row = stage.row("dea-0")
    assert (row.lost, row.instances, row.builds, row.tasks) == (True, [], [], [])
    assert stage.actual() == {"i1": "RUNNING"}
    stage.pass_time(30, full_sweeps=False)
    assert stage.complaints() == []


def test_a_loss_that_nobody_acted_upon_is_found_by_the_full_sweep(stage: Stage, deas: tuple[FakeDea, FakeDea]) -> None:
    stage.place(0, "i0")
    deas[0].speaks = False
    stage.pass_time(8, full_sweeps=False)
    stage.complaints()
    stage.full_sweep()
    assert stage.starts() == [(0, "i0", "missing")]


def test_two_hosts_silent_at_once_are_doubted_and_asked_to_speak(
    stage: Stage, deas: tuple[FakeDea, FakeDea], caplog: pytest.LogCaptureFixture
) -> None:
    deas[0].speaks = deas[1].speaks = False
    stage.pass_time(60)
    found = stage.complaints()
    assert {subject for subject, _ in found} == {"hm.resync"}
    assert 1 < len(found) <= 60 / 6, "again, but not with every sweep"
    assert not stage.row("dea-0").lost
    assert "ALARM 2 of 2 hosts are silent" in caplog.text


def test_of_the_doubted_those_are_lost_of_which_the_cloud_says_so(
    stage: Stage, deas: tuple[FakeDea, FakeDea], gone_hosts: set[str]
) -> None:
    gone_hosts.add("dea-1")
    deas[0].speaks = deas[1].speaks = False
    stage.pass_time(8, full_sweeps=False)
    assert [subject for subject, _ in stage.complaints()] == ["hm.resync", "hm.start"]
    assert (stage.row("dea-0").lost, stage.row("dea-1").lost) == (False, True)


def test_invariant_5_hm_stopped_for_90_s_under_load_starts_and_stops_nothing(
    stage: Stage, deas: tuple[FakeDea, FakeDea]
) -> None:
    """Apps were scaled and hosts joined meanwhile; HM comes back to old rows and to beats that arrive one by one."""
    first, second = deas
    third = stage.dea("dea-2")
    stage.now += 90
    stage.want(instances=4, changed_s_ago=60)
    for index, (guid, dea) in enumerate([("i0", first), ("i1", second), ("i2", third), ("i3", third)]):
        stage.place(index, guid, s_ago=60, deadline=stage.now - 30)
        dea.runs(guid, index, since=stage.now - 50)
    stage.full_sweep()
    stage.quick_sweep()
    for late in (1.0, 1.5, 1.9):
        # Their beats wait behind the backlog, one host's longer than the other's.
        stage.now += late
        stage.full_sweep()
        stage.quick_sweep()
        list(stage.deas.values())[int(late) - 1 if late < 1.6 else 2].beat()
        stage.quick_sweep()
        stage.full_sweep()
    stage.pass_time(60)
    assert stage.complaints() == []
    assert not any(row.lost for row in rows.all_hosts())


def test_a_host_that_died_while_hm_was_away_is_lost_after_a_full_round(
    stage: Stage, deas: tuple[FakeDea, FakeDea]
) -> None:
    deas[0].speaks = False
    stage.now += 90
    stage.pass_time(7, full_sweeps=False)
    assert stage.complaints() == []
    stage.pass_time(2, full_sweeps=False)
    assert stage.starts() == [(0, "i0", "host lost")]


def test_a_lost_host_that_comes_back_is_known_again_and_what_was_replaced_is_stopped(
    stage: Stage, deas: tuple[FakeDea, FakeDea]
) -> None:
    first, second = deas
    stage.place(1, "i1")
    first.speaks = False
    stage.pass_time(8)
    assert (0, "i0", "host lost") in stage.starts()
    stage.place(0, "i2", s_ago=0)
    second.runs("i2", 0)
    second.beat()
    first.speaks = True
    first.beat()
    assert not stage.row("dea-0").lost
    assert stage.actual() == {"i0": "RUNNING", "i1": "RUNNING", "i2": "RUNNING"}
    stage.pass_time(20)
    found = stage.complaints()
    assert {(subject, body["instance_guid"]) for subject, body in found} == {("hm.stop", "i0")}
    assert found[0][1]["queue_url"] == "http://queue/dea-0-boot-1"


def give_up(stage: Stage, hm: HealthWorld, meanwhile: AbstractContextManager[None] | None = None) -> None:
    """What a sweep does that has found dea-0 silent."""
    row, hearing = stage.row("dea-0"), presence.hearing()
    with meanwhile or nullcontext():
        quick.give_up(hm, row, hearing, stage.now, unheard=listening.as_heard(hearing))


def test_a_beat_in_the_last_moment_saves_the_host(
    stage: Stage, deas: tuple[FakeDea, FakeDea], just_before: Interference
) -> None:
    stage.now += 7
    deas[1].beat()
    stage.listen_for(3600)
    give_up(stage, stage.hm, just_before("TransactWriteItems", deas[0].beat))
    assert stage.complaints() == []
    assert not stage.row("dea-0").lost


def test_a_beat_while_the_host_is_given_up_keeps_its_rows(
    stage: Stage, deas: tuple[FakeDea, FakeDea], just_before: Interference
) -> None:
    give_up(stage, stage.hm, just_before("TransactWriteItems", deas[0].beat, after=1))
    assert not stage.row("dea-0").lost
    assert stage.actual() == {"i0": "RUNNING", "i1": "RUNNING"}


def test_a_death_between_mark_and_complaint_is_made_up_for_by_the_next_sweep(
    stage: Stage, deas: tuple[FakeDea, FakeDea], dying_at: Interference
) -> None:
    deas[0].speaks = False
    stage.pass_time(6, full_sweeps=False)
    stage.now += 1
    stage.listen_for(3600)
    with dying_at("TransactWriteItems", after=1):
        stage.quick_sweep()
    assert stage.row("dea-0").lost
    stage.complaints()
    stage.quick_sweep()
    assert stage.starts() == [(0, "i0", "host lost")]
    assert stage.row("dea-0").instances == []


def test_invariant_4_two_hms_that_sweep_at_once_lose_the_host_once(
    stage: Stage, deas: tuple[FakeDea, FakeDea], another_hm: Callable[[], HealthWorld], just_before: Interference
) -> None:
    second = another_hm()
    give_up(stage, stage.hm, just_before("TransactWriteItems", lambda: give_up(stage, second)))
    # What is said twice names the instance, so that CC acts once.
    assert set(stage.starts()) == {(0, "i0", "host lost")}
    assert stage.actual() == {"i1": "RUNNING"}


def test_a_drained_host_that_ended_raises_no_alarm(
    stage: Stage, deas: tuple[FakeDea, FakeDea], caplog: pytest.LogCaptureFixture
) -> None:
    exits.take_shutdown(stage.hm, deas[0].shutdown())
    stage.complaints()
    deas[0].instances = {}
    deas[0].beat()
    deas[0].speaks = False
    stage.pass_time(8, full_sweeps=False)
    assert stage.complaints() == []
    assert stage.row("dea-0").lost
    assert "ALARM" not in caplog.text


def test_a_lost_host_is_forgotten_after_an_hour(stage: Stage, deas: tuple[FakeDea, FakeDea]) -> None:
    deas[0].speaks = False
    stage.pass_time(8, full_sweeps=False)
    stage.now += 3600
    stage.quick_sweep()
    assert [row.id for row in rows.all_hosts()] == ["dea-1"]


def test_the_cloud_says_that_a_host_is_gone(stage: Stage, deas: tuple[FakeDea, FakeDea]) -> None:
    quick.take_cloud_word(stage.hm, "dea-0", is_gone=True, now=stage.now)
    quick.take_cloud_word(stage.hm, "dea-0", is_gone=True, now=stage.now)
    quick.take_cloud_word(stage.hm, "somebody else's", is_gone=True, now=stage.now)
    assert stage.starts() == [(0, "i0", "host lost")]
    assert stage.row("dea-0").lost


def test_the_cloud_says_that_a_host_will_go(stage: Stage, deas: tuple[FakeDea, FakeDea]) -> None:
    quick.take_cloud_word(stage.hm, "dea-0", is_gone=False, now=stage.now)
    assert stage.starts() == [(0, "i0", "evacuation")]
    assert stage.row("dea-0").draining
    assert not stage.row("dea-0").lost


def test_what_crashed_on_a_lost_host_stays_its_hour(stage: Stage, deas: tuple[FakeDea, FakeDea]) -> None:
    deas[0].crashes("i0")
    deas[0].beat()
    stage.complaints()
    deas[0].speaks = False
    stage.pass_time(8, full_sweeps=False)
    assert stage.complaints() == []
    assert Instance.get("p", "0#i0").state == "CRASHED"
