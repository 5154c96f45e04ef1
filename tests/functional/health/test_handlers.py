"""HM's functions as Lambda calls them: events in, failures out, and nothing imported that is not HM's."""

import json
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from chalicelib.contracts.codec import to_json
from chalicelib.contracts.envelope import Envelope
from chalicelib.contracts.health import CloudHost, DropletUpdated, HmPing
from chalicelib.contracts.heartbeat import Heartbeat
from chalicelib.handlers import hm as handlers
from chalicelib.services.health import listening
from chalicelib.services.health import world as health_world
from chalicelib.services.health.packed import pack
from chalicelib.tables.actual import Dea
from infra.local.schedule import scheduled_event
from tests.functional.cloud import Cloud
from tests.functional.health.support import Stage, as_usage, envelope_body, record


@pytest.fixture
def live(cloud: Cloud, stage: Stage) -> Stage:
    """A stage whose clock is the handlers': the real one."""
    health_world.world.cache_clear()
    stage.now = time.time()
    stage.listen_for(3600)
    return stage


def sqs(*bodies: str) -> dict[str, Any]:
    return {"Records": [record(f"m{number}", body) for number, body in enumerate(bodies)]}


def failed(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_importing_the_functions_pulls_nothing_of_cc_and_no_secrets() -> None:
    code = "import sys, chalicelib.handlers.hm; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert not modules & {
        "app",
        "cryptography",
        "joserfc",
        "argon2",
        "chalicelib.bootstrap",
        "chalicelib.adapters.keys",
        "aws_lambda_powertools",
    }
    assert not modules & {"chalicelib.adapters.blobs", "chalicelib.tables.identity", "chalicelib.tables.apps"}
    assert {name for name in modules if name.startswith("chalicelib.services.")} == {
        f"chalicelib.services.health{part}"
        for part in (
            "",
            ".announced",
            ".beats",
            ".complaints",
            ".exits",
            ".full",
            ".listening",
            ".packed",
            ".quick",
            ".rows",
            ".world",
        )
    }
    assert not [name for name in modules if name.startswith("chalicelib.api")]


def test_beats_and_pings_of_one_batch(live: Stage) -> None:
    lost = live.dea("dea-1").runs("i1", 1)
    lost.beat()
    live.now -= 20
    row = live.row("dea-1")
    row.seen_at = live.now
    row.save()
    beat = live.dea("dea-0").runs("i0").message()
    now = time.time()
    answer = handlers.hm_inbox(
        sqs(envelope_body("hm.ping", HmPing(now), now), envelope_body("dea.heartbeat", beat, now)), None
    )
    assert failed(answer) == []
    assert live.row("dea-0").seq == 1
    assert live.starts() == [(1, "i1", "host lost")]


def test_a_beat_that_is_packed_to_fit_is_heard_once(live: Stage) -> None:
    dea, now = live.dea("dea-0").runs("i0"), time.time()
    dea.tasks = tuple(str(uuid.uuid4()) for _ in range(7000))
    text = Envelope("m", "dea.heartbeat", now, "dea-0", "t", to_json(dea.message())).encode()
    assert json.loads(text)["v"] == 2
    assert failed(handlers.hm_inbox(sqs(text, text), None)) == []
    assert (live.actual(), live.row("dea-0").tasks) == ({"i0": "RUNNING"}, list(dea.tasks))
    known = live.everything_hm_owns()
    assert failed(handlers.hm_inbox(sqs(text), None)) == []
    assert live.everything_hm_owns() == known


def test_poison_fails_alone_and_the_expired_is_dropped(live: Stage) -> None:
    now = time.time()
    good, late = live.dea("dea-0").message(), live.dea("dea-1").message()
    shapeless = json.loads(envelope_body("dea.heartbeat", good, now))
    shapeless["body"]["seq"] = "first"
    empty_key = json.loads(envelope_body("dea.heartbeat", live.dea("dea-2").runs("").message(), now))
    never = json.loads(envelope_body("dea.heartbeat", live.dea("dea-3").runs("i", since=float("nan")).message(), now))
    answer = handlers.hm_inbox(
        sqs(
            "not json",
            json.dumps(shapeless),
            json.dumps(never),
            envelope_body("dea.heartbeat", good, now),
            envelope_body("dea.heartbeat", late, now - 31),
            envelope_body("dea.unheard-of", {}, now),
            envelope_body("dea.heartbeat", good, now, v=99),
            json.dumps(empty_key),
        ),
        None,
    )
    assert failed(answer)[:2] == ["m0", "m1"]
    assert "m6" in failed(answer)
    assert not {"m3", "m4", "m5"} & set(failed(answer))
    assert live.row("dea-0").seq == 1


def test_the_inbox_takes_every_subject_and_poison_fails_alone(live: Stage) -> None:
    now = time.time()
    live.want("q", changed_s_ago=100)
    dea = live.dea("dea-0").runs("i0")
    dea.beat()
    answer = handlers.hm_inbox(
        sqs(
            "[]",
            envelope_body("droplet.exited", dea.exit_of("i0"), now),
            envelope_body("droplet.updated", DropletUpdated("q"), now),
            envelope_body("cloud.host", CloudHost("dea-0", "running"), 0),
            envelope_body("cloud.host", CloudHost("dea-0", "interruption"), 0),
            envelope_body("dea.shutdown", dea.shutdown(), now),
            envelope_body("hm.unheard-of", {}, now),
        ),
        None,
    )
    assert failed(answer) == ["m0"]
    told = [(body["process_guid"], body["reason"]) for _, body in live.complaints()]
    assert told == [("p", "crashed"), ("q", "missing"), ("p", "evacuation"), ("p", "evacuation")]


def test_the_cloud_that_says_terminated_is_believed(live: Stage) -> None:
    live.dea("i-0123456789abcdef0").runs("i0").beat()
    event = envelope_body("cloud.host", CloudHost("i-0123456789abcdef0", "terminated"), 0, sender="aws.events")
    assert failed(handlers.hm_inbox(sqs(event), None)) == []
    assert live.starts() == [(0, "i0", "host lost")]


def test_the_quick_schedule_sends_the_ping_that_a_sweep_rides_on(live: Stage) -> None:
    handlers.hm_quick_sweep(scheduled_event("hm_quick_sweep", time.time()), None)
    pings = live.cloud.taken("queue:hm")
    assert [ping.subject for ping in pings] == ["hm.ping"]
    assert failed(handlers.hm_inbox(sqs(*(ping.encode() for ping in pings)), None)) == []


def test_a_sweep_that_fails_leaves_the_beats_of_its_batch_alone(live: Stage, just_before: Any) -> None:
    now = time.time()

    def throttle() -> None:
        raise ConnectionError("throttled")

    beat = live.dea("dea-0").message()
    bodies = (envelope_body("dea.heartbeat", beat, now), envelope_body("hm.ping", HmPing(now), now))
    with just_before("Query", throttle):
        assert failed(handlers.hm_inbox(sqs(*bodies), None)) == []


def test_the_full_schedule_sweeps_all_shards_or_those_it_names(live: Stage) -> None:
    live.want("q")
    event = scheduled_event("hm_full_sweep", time.time())
    handlers.hm_full_sweep(event, None)
    assert len(live.starts()) == 1
    handlers.hm_full_sweep(event | {"detail": {"shards": []}}, None)
    assert live.starts() == []


def test_a_full_sweep_makes_metrics_of_what_is_wrong_and_of_nothing_else(
    live: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    live.want("q")
    handlers.hm_full_sweep(scheduled_event("hm_full_sweep", time.time()), None)
    line = json.loads(capfd.readouterr().out)
    assert (line["service"], line["drifting"], line["promised_percent"]) == ("test-hm", [1.0], [100.0])
    declared = line["_aws"]["CloudWatchMetrics"][0]
    assert declared["Namespace"] == "zerofoundry"
    assert [metric["Name"] for metric in declared["Metrics"]] == ["drifting", "promised_percent"]

    live.dea("dea-0").beat()
    handlers.hm_full_sweep(scheduled_event("hm_full_sweep", time.time()), None)
    assert "promised_percent" not in json.loads(capfd.readouterr().out)


def test_a_full_sweep_tells_how_much_of_the_hosts_is_promised(live: Stage) -> None:
    assert live.full_sweep().promised_percent == 100
    for number, reserved in enumerate((1024, 3072)):
        dea = live.dea(f"dea-{number}")
        dea.reserved_memory_mb = reserved
        dea.beat()
    assert live.full_sweep().promised_percent == 50
    row = live.row("dea-1")
    row.cordoned = True
    row.save()
    assert live.full_sweep().promised_percent == 25


def test_hm_speaks_to_cc_and_to_itself_only(live: Stage) -> None:
    """HM asks, CC acts: nothing of what HM does here reaches a DEA, a router or a job."""
    live.want("q")
    dea = live.dea("dea-0").runs("i0").runs("extra", 5, since=live.now - 100)
    dea.beat()
    handlers.hm_quick_sweep(scheduled_event("hm_quick_sweep", time.time()), None)
    handlers.hm_full_sweep(scheduled_event("hm_full_sweep", time.time()), None)
    handlers.hm_inbox(sqs(envelope_body("dea.shutdown", dea.shutdown(), time.time())), None)
    assert live.complaints()
    for silent in ("topic:dea", "topic:routes", "topic:components", "queue:jobs", "queue:beats"):
        assert live.cloud.taken(silent) == []
    assert {envelope.subject for envelope in live.cloud.taken("queue:hm")} == {"hm.ping"}
    assert live.cloud.rows("outbox") == 0


def known(beat: Heartbeat) -> Dea:
    """The row that a beat leaves behind."""
    said = {
        name: getattr(beat, name) for name in ("boot", "seq", "host", "http", "queue_url", "stack", "arch", "digest")
    }
    packed = [entry.as_list() for entry in pack(beat.instances)]
    return Dea("all", beat.dea, **said, capacity=to_json(beat.capacity), seen_at=time.time(), instances=packed)


def test_1500_instances_on_50_hosts_cost_a_sweep_two_reads_and_a_write(live: Stage, counting: Callable) -> None:
    """What an idle platform does all day: a beat of each host every 10 s, with usage in every third."""
    hosts = [live.dea(f"dea-{number:02}") for number in range(50)]
    for number, host in enumerate(hosts):
        for index in range(30):
            host.runs(f"i{number}-{index}", index, process_guid=f"p{number}")

    def round_of(beats: Iterable[Heartbeat]) -> Counter[str]:
        for beat in beats:
            live.hm.bus.say("queue:beats", "dea.heartbeat", beat)
        with counting() as calls:
            assert failed(handlers.hm_inbox(ping(), None)) == []
        assert live.cloud.taken("queue:beats") == []
        return Counter(calls)

    live.cloud.store(known(host.message()) for host in hosts)
    # All hosts' rows, what was heard before, and the note of what is heard now.
    unchanged = {"Query": 1, "GetItem": 1, "UpdateItem": 1}
    assert round_of(host.message() for host in hosts) == unchanged
    assert {live.seen(host.name).mark.seq for host in hosts} == {2}
    measured = round_of(host.message({guid: as_usage(1) for guid in host.instances}) for host in hosts)
    assert measured == {**unchanged, "PutItem": 50}


def ping() -> dict[str, Any]:
    return sqs(envelope_body("hm.ping", HmPing(time.time()), time.time()))


def test_of_the_beats_that_wait_what_cannot_be_read_stays_and_holds_nobody_up(live: Stage) -> None:
    """It comes again after the queue's visibility, and ends in the dead letters."""
    dea, url = live.dea("dea-0").runs("i0"), live.hm.bus.queue_url("beats")
    live.hm.bus.sqs.send_message(QueueUrl=url, MessageBody="not json")
    live.hm.bus.say("queue:beats", "dea.unheard-of", {})
    late, newest = dea.message(), dea.runs("i1", 1).message()
    for beat in (newest, late, newest):
        live.hm.bus.say("queue:beats", "dea.heartbeat", beat)
    assert failed(handlers.hm_inbox(ping(), None)) == []
    assert live.actual() == {"i0": "RUNNING", "i1": "RUNNING"}
    assert live.seen("dea-0").mark.seq == newest.seq
    left = live.hm.bus.sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    )["Attributes"]
    assert sum(map(int, left.values())) == 1


def test_a_sweep_that_dies_before_its_note_leaves_the_beats_to_the_next(live: Stage, just_before: Any) -> None:
    def die() -> None:
        raise ConnectionError("the function was killed")

    live.dea("dea-0").beat()
    live.hm.bus.say("queue:beats", "dea.heartbeat", live.deas["dea-0"].message())
    with just_before("UpdateItem", die):
        handlers.hm_inbox(ping(), None)
    assert live.seen("dea-0").mark.seq == 1
    url = live.hm.bus.queue_url("beats")
    left = live.hm.bus.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])[
        "Attributes"
    ]
    assert left == {"ApproximateNumberOfMessagesNotVisible": "1"}


def test_who_has_not_heard_all_that_waits_judges_nobody(live: Stage) -> None:
    dea = live.dea("dea-0").runs("i0")
    dea.beat()
    for _ in range(10):
        live.hm.bus.say("queue:beats", "dea.heartbeat", dea.message())
    hosts = {"dea-0": live.row("dea-0")}
    assert listening.listen(live.hm, hosts, live.now, most=1) is None
    assert live.seen("dea-0").mark.seq > 1
    heard = listening.listen(live.hm, hosts, live.now, most=1)
    assert heard is not None
