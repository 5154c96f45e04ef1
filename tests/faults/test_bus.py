"""A bus that repeats, reverses, delays, fails and carries poison: what was asked for is what runs, once."""

import json
import os
import secrets
import signal
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra.local import cloud
from tests.support.census import app_guid, depth, faults, guids, processes, set_weather, settled
from tests.support.platform import Platform, Traffic, a_platform, eventually

#: Every message comes at least twice, the copies up to half a second apart, and each queue gives out the last first.
TWICE_AND_REVERSED = {"duplicates": 1, "duplicate_most_s": 0.5, "reversed_s": 0.15}


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """Up in the worst order of messages already; ``set_weather`` changes it."""
    weather = {f"ZF_WEATHER_{name.upper()}": str(value) for name, value in TWICE_AND_REVERSED.items()}
    with a_platform(deas=2, routers=2, **weather) as running:
        yield running


@pytest.fixture
def app_name(platform: Platform) -> Iterator[str]:
    """In calm weather, unless the test wants another; after its deletion no process of it is left."""
    name = f"bus-{secrets.token_hex(4)}"
    set_weather(platform)
    yield name
    set_weather(platform)
    platform.zf("delete", name, "-f", "-r", check=False)
    eventually(lambda: not processes(name))


def crashes(platform: Platform, name: str) -> int:
    query = {"target_guids": app_guid(platform, name), "types": "app.crash"}
    return int(platform.api("GET", "/v3/audit_events", params=query).json()["pagination"]["total_results"])


def answers(platform: Platform, routers: list[str], host: str) -> list[httpx.Response]:
    """One of each router."""
    return [platform.get(host, router=router) for router in routers]


def everywhere(platform: Platform, routers: list[str], host: str, status: int) -> bool:
    return all(answer.status_code == status for answer in answers(platform, routers, host))


def test_messages_that_come_twice_and_in_reverse_change_nothing(platform: Platform, app_name: str) -> None:
    routers, calm = platform.status()["routers"], faults(platform)
    set_weather(platform, **TWICE_AND_REVERSED)
    platform.push(app_name, "-i", 2)
    first = settled(platform, app_name, 2)
    platform.zf("scale", app_name, "-i", 4)
    scaled = settled(platform, app_name, 4)
    assert first.items() <= scaled.items()
    platform.zf("scale", app_name, "-i", 1)
    assert settled(platform, app_name, 1).items() <= scaled.items()
    platform.zf("scale", app_name, "-i", 3)
    before = settled(platform, app_name, 3)
    platform.zf("restart", app_name)
    after = settled(platform, app_name, 3)
    assert not set(before.values()) & set(after.values())

    assert crashes(platform, app_name) == 0
    index, guid, pid = processes(app_name)[1]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: guids(app_name).get(index) not in (None, guid))
    healed = settled(platform, app_name, 3)
    assert {i: g for i, g in healed.items() if i != index} == {i: g for i, g in after.items() if i != index}
    assert crashes(platform, app_name) == 1

    other = f"{app_name}-too"
    platform.zf("map-route", app_name, f"{other}.{platform.apps_domain}")
    eventually(lambda: everywhere(platform, routers, other, 200))
    platform.zf("unmap-route", app_name, f"{other}.{platform.apps_domain}")
    eventually(lambda: everywhere(platform, routers, other, 404))
    assert everywhere(platform, routers, app_name, 200)
    platform.zf("delete", app_name, "-f", "-r")
    eventually(lambda: not processes(app_name))
    eventually(lambda: everywhere(platform, routers, app_name, 404))
    assert faults(platform)["messages repeated"] > calm["messages repeated"] + 100


def test_a_bus_that_answers_errors_for_30_s_loses_nothing(platform: Platform, app_name: str) -> None:
    victim = f"{app_name}-victim"
    platform.push(app_name, "-i", 2)
    platform.push(victim)
    quiet, killed = settled(platform, app_name, 2), settled(platform, victim, 1)
    try:
        with Traffic(platform, app_name) as traffic:
            set_weather(platform, down=["sns", "sqs"])
            over = time.monotonic() + 30
            os.kill(processes(victim)[0][2], signal.SIGKILL)
            scaled = platform.api(
                "POST", f"/v3/processes/{app_guid(platform, app_name)}/actions/scale", json={"instances": 3}
            )
            assert scaled.status_code == 202
            time.sleep(over - time.monotonic())  # the fault is its length
            assert guids(app_name) == quiet
            assert faults(platform)["InternalError"] > 20
            set_weather(platform)
            assert settled(platform, victim, 1) != killed
            assert quiet.items() <= settled(platform, app_name, 3).items()
        assert traffic.failures == []
        assert crashes(platform, victim) == 1
        platform.zf("scale", app_name, "-i", 1)
        settled(platform, app_name, 1)
    finally:
        platform.zf("delete", victim, "-f", "-r", check=False)
    eventually(lambda: not processes(victim))


def test_a_new_register_that_is_late_while_the_old_unregister_is_not(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    routers = platform.status()["routers"]
    eventually(lambda: everywhere(platform, routers, app_name, 200))
    ((_, dead, pid),) = processes(app_name)
    set_weather(platform, late={"router.register": 2})
    os.kill(pid, signal.SIGKILL)
    seen: list[httpx.Response] = []

    def all_say(who: str) -> bool:
        now = answers(platform, routers, app_name)
        seen.extend(now)
        return all(said(answer) == who for answer in now)

    eventually(lambda: all_say("no_endpoints"), within_s=2)
    seen.clear()
    eventually(lambda: len(guids(app_name)) == 1 and all_say(guids(app_name)[0]))
    assert {said(answer) for answer in seen} == {"no_endpoints", guids(app_name)[0]}
    assert dead not in guids(app_name).values()


def said(answer: httpx.Response) -> str:
    """The instance's guid, or what the router says itself."""
    return str(answer.json()["guid"] if answer.status_code == 200 else answer.headers.get("x-cf-routererror"))


def test_a_register_that_comes_after_its_unregister_routes_to_nobody(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    alone = settled(platform, app_name, 1)
    varz = [f"{part['http']}/varz" for part in platform.status()["components"] if part["name"].startswith("router-")]

    def endpoints() -> list[int]:
        return [platform.http.get(url).json()["router"]["endpoints"] for url in varz]

    before = endpoints()
    set_weather(platform, late={"router.register": 2})
    platform.zf("scale", app_name, "-i", 3)
    platform.zf("scale", app_name, "-i", 1)
    eventually(lambda: guids(app_name) == alone)
    until = time.monotonic() + 3  # the registers of those that are gone come in this time
    while time.monotonic() < until:
        assert endpoints() == before
        assert platform.who(app_name)["guid"] == alone[0]


SUBJECTS = (
    *("dea.discover", "dea.bid", "dea.start", "dea.started", "dea.refused", "dea.stop", "dea.update", "dea.heartbeat"),
    *("dea.shutdown", "droplet.exited", "droplet.updated", "staging.start", "staging.finished", "router.start"),
    *("router.register", "router.unregister", "hm.start", "hm.stop", "hm.routes", "hm.resync", "hm.orphan"),
    *("placement.check", "placement.open", "auction.check", "component.announce", "component.discover", "cloud.host"),
)


def envelope(**changes: Any) -> str:
    message = {
        "id": "p",
        "subject": "dea.stop",
        "sent_at": time.time(),
        "sender": "x",
        "trace": "t",
        "body": {},
        "v": 1,
    }
    return json.dumps(message | changes)


def unreadable() -> list[str]:
    """No receiver can make an envelope of these."""
    return [
        "}{ garbage",
        "\t\ud7ff",
        "null",
        "[]",
        '"dea.stop"',
        "[" * 100_000,
        '{"a":' * 50_000,
        "9" * 5000,
        envelope()[:40],
        "{}",
        envelope(id=None),
        envelope(subject=["dea.stop"]),
        envelope(sent_at="now"),
        envelope(sent_at=10**400),
        envelope(sent_at=float("nan")),
        envelope(sent_at=float("inf")),
        envelope(sent_at=True),
        envelope(body=[]),
        envelope(body="{}"),
        envelope(v="1"),
        envelope(v=2),
        "x" * 255_000,
    ]


def unfit() -> list[str]:
    """Envelopes whose body is not what their subject promises, or that nobody knows."""
    bodies: list[dict[str, Any]] = [{}, {"process_guid": 7, "instance_guids": "all", "up_to_version": "every"}]
    known = [envelope(subject=subject, body=body) for subject in SUBJECTS for body in bodies]
    return [
        *known,
        envelope(subject="no.such.subject", body={"a": 1}),
        envelope(subject="", body={}),
        envelope(subject="no.such.subject", body={"x": "x" * 250_000}),
        envelope(subject="dea.heartbeat", sent_at=-1e300),
        envelope(subject="router.register", sent_at=1e300),
    ]


@pytest.mark.timeout(400)
def test_poison_in_every_queue_and_topic_harms_nobody(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    alone = settled(platform, app_name, 1)
    pids = {part["name"]: (part["pid"], part["exits"]) for part in platform.status()["components"]}
    aws_url = platform.status()["aws_url"]
    sqs, sns = cloud.client("sqs", aws_url), cloud.client("sns", aws_url)
    topics = [topic["TopicArn"] for topic in sns.list_topics()["Topics"]]
    queues = [url for url in sqs.list_queues(QueueNamePrefix="zf-")["QueueUrls"] if not url.endswith("-dead")]
    dead = {name: f"{url}-dead" for url in queues if (name := url.rpartition("/zf-")[2]) in cloud.topology()["queues"]}
    assert len(queues) == len(dead) + len(platform.names("dea")) + len(platform.names("router"))
    before = {name: depth(sqs, url) for name, url in dead.items()}
    for poison in unreadable() + unfit():
        for url in queues:
            sqs.send_message(QueueUrl=url, MessageBody=poison)
    for poison in unreadable() + unfit()[-5:]:
        for topic in topics:
            sns.publish(TopicArn=topic, Message=poison)

    neighbour = f"{app_name}-too"
    platform.push(neighbour, "-i", 2)
    settled(platform, neighbour, 2)
    platform.zf("delete", neighbour, "-f", "-r")
    eventually(lambda: not processes(neighbour))

    # Its fifth receive is a minute after its first, and its end as long after that.
    least = len(unreadable())
    eventually(lambda: all(depth(sqs, url) >= before[name] + least for name, url in dead.items()), within_s=200)
    eventually(lambda: all(depth(sqs, url) == 0 for url in queues if not _is_busy(url)), within_s=40)
    assert {part["name"]: (part["pid"], part["exits"]) for part in platform.status()["components"]} == pids
    assert settled(platform, app_name, 1) == alone
    assert platform.who(app_name)["guid"] == alone[0]


def _is_busy(url: str) -> bool:
    """Heartbeats and pings come all the time."""
    return url.endswith("-beats")
