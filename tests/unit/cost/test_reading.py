"""How recorded calls become turns and rates."""

from typing import Any

from infra.cost import reading
from infra.cost.reading import Window


def call(at: float, name: str, cpu: float, thread: str = "hm-0", who: str = "hm", **more: Any) -> dict[str, Any]:
    """One that takes 10 ms, of which 1 ms of the processor. at: seconds; cpu: ms before it."""
    times = {"at": [at, at + 0.01], "cpu": [cpu / 1000, (cpu + 1) / 1000]}
    return {"who": who, "thread": thread, "service": "dynamodb", "call": name, "table": ""} | times | more


def window(*calls: dict[str, Any], instances: int = 0) -> Window:
    return Window(calls, 10.0, 2, instances)


def test_a_turn_is_what_lies_between_the_last_receive_and_the_delete() -> None:
    found = reading.turns(
        window(
            call(0.0, "ReceiveMessage", 0, messages=[]),
            call(1.0, "ReceiveMessage", 2, messages=[["hm.ping", 100]]),
            call(1.1, "ReceiveMessage", 4, messages=[["droplet.exited", 900]]),
            call(1.2, "GetItem", 9),
            # What a sweep takes and deletes by itself is a part of its turn.
            call(1.2, "ReceiveMessage", 10, target="zf-beats", messages=[["dea.heartbeat", 900]]),
            call(1.2, "DeleteMessageBatch", 12, target="zf-beats"),
            call(1.3, "DeleteMessageBatch", 25),
        )
    )
    assert [(turn.function, turn.messages, round(turn.cpu_ms), len(turn.calls)) for turn in found] == [
        ("hm_inbox", ["hm.ping", "droplet.exited"], 20, 3)
    ]


def test_calls_of_schedules_are_told_apart_by_the_pauses_between_them() -> None:
    calls = [
        call(second + tenth / 10, "Query", 10 * second + tenth, "cc_sweep", "cc")
        for second in (1, 2, 3)
        for tenth in (0, 1)
    ]
    found = reading.turns(window(*calls))
    assert [(turn.function, len(turn.calls)) for turn in found] == [("cc_sweep", 2), ("cc_sweep", 2)]
    # From the end of the turn before: what comes before the first call is the turn's own.
    assert round(found[0].cpu_ms) == 10


def test_calls_of_hosts_are_nobodys_turn() -> None:
    assert reading.turns(window(call(0, "ReceiveMessage", 0, "inbox-zf-dea-0", "dea-0", messages=[["x", 1]]))) == []


def test_sizes_are_a_straight_line_over_instances_per_host() -> None:
    windows = [
        window(call(0, "UpdateItem", 0, table="deas", bytes=400 + 170 * each), instances=2 * each)
        for each in (0, 5, 15)
    ]
    pick = reading.item("deas", "UpdateItem")
    assert reading.sizes(windows, pick) == {"base": 400, "slope": 170}


def test_messages_are_told_by_subject_with_who_says_them_and_how_often() -> None:
    sent = [
        call(at, "SendMessage", 0, who=f"dea-{at % 2}", target="zf-beats", messages=[["dea.heartbeat", 600]])
        for at in range(5)
    ]
    found = reading.said([window(*sent), window()])
    assert found == {"dea.heartbeat": {"by": "dea", "to": "beats", "each_s": 4.0, "bytes": {"base": 600, "slope": 0}}}


def test_a_push_is_what_is_called_beyond_what_rest_calls() -> None:
    busy = window(*(call(at, "Publish", 0, "MainThread", "cc", messages=[["dea.stop", 9]]) for at in range(7)))
    rest = window(
        *(call(at, "Publish", 0, "MainThread", "dea-0", messages=[["router.register", 9]]) for at in range(3))
    )
    assert reading.push([busy], rest)["publishes"] == 4
