"""The stage on which HM is tested: time, desired state, and DEAs that beat, crash, drain and fall silent."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

from moto.sqs.models import sqs_backends

from chalicelib.adapters.clock import stamp
from chalicelib.contracts.codec import to_json
from chalicelib.contracts.heartbeat import (
    REASON_CRASHED,
    Capacity,
    DeaShutdown,
    DropletExited,
    Heartbeat,
    InstanceBeat,
    Usage,
)
from chalicelib.core.freshness import Seen
from chalicelib.services.health import beats, exits, full, listening, quick, rows
from chalicelib.services.health.full import Counts
from chalicelib.services.health.world import HealthWorld
from chalicelib.tables import presence
from chalicelib.tables.actual import Dea, HealthState, Instance
from chalicelib.tables.base import Member
from chalicelib.tables.running import Placement, Process
from infra.local.account import ACCOUNT, REGION
from tests.functional.cloud import Cloud

#: An hour that no test reaches by itself; the profile is the local one (a beat every 2 s, silent after 6 s).
START = 2_000_000_000.0

Complaint = tuple[str, dict[str, Any]]


@dataclass
class Stage:
    """``now`` is HM's clock and everybody else's."""

    cloud: Cloud
    hm: HealthWorld
    now: float = START
    deas: dict[str, "FakeDea"] = field(default_factory=dict)

    def listen_for(self, seconds: float) -> None:
        """HM has heard the bus without a gap for so long."""
        try:
            row = HealthState.get("hearing")
        except HealthState.DoesNotExist:
            row = HealthState("hearing")
        row.at, row.since, row.rev = self.now, self.now - seconds, row.rev + 1
        row.save()

    def dea(self, name: str, boot: str = "boot-1") -> "FakeDea":
        self.deas[name] = FakeDea(self, name, boot)
        return self.deas[name]

    def pass_time(self, seconds: float, step: float = 1, full_sweeps: bool = True) -> None:
        """Time in which the DEAs that speak beat, pings come back, and sweeps run, as the local profile has them."""
        end = self.now + seconds
        while self.now < end:
            self.now += step
            turn = round(self.now - START)
            if turn % 2 == 0:
                for dea in self.deas.values():
                    if dea.speaks:
                        dea.beat()
            self.quick_sweep()
            if full_sweeps and turn % 5 == 0:
                self.full_sweep()

    def quick_sweep(self) -> None:
        """A ping of HM has come back."""
        quick.sweep(self.hm, self.now, wait_s=0)

    def full_sweep(self, hm: HealthWorld | None = None) -> Counts:
        return full.sweep(hm or self.hm, lambda: self.now)

    # -- desired state -----------------------------------------------------------------------------------

    def want(self, guid: str = "p", instances: int = 1, version: int = 1, changed_s_ago: float = 1000) -> Process:
        """A process that is STARTED."""
        at = self.now - changed_s_ago
        process = Process(
            guid,
            app_guid=f"app-of-{guid}",
            space_guid="space",
            state="STARTED",
            instances=instances,
            version=version,
            changed_at=at,
            routes_version=1,
            created_at=stamp(at),
            updated_at=stamp(at),
        )
        process.save(add_version_condition=False)
        Member(process.desired_list, f"{stamp(at)}#{guid}").save()
        return process

    def place(self, index: int = 0, guid: str = "i0", state: str = "STARTED", s_ago: float = 1000, **more: Any) -> None:
        """CC's placement of an index of ``p``."""
        at = self.now - s_ago
        row = {"work": "instance", "app_guid": "app-of-p", "version": 1, "opened_at": at, "deadline": at + 70} | more
        Placement("p", index, instance_guid=guid, state=state, **row).save()

    # -- what came of it ---------------------------------------------------------------------------------

    def complaints(self) -> list[Complaint]:
        """What HM has asked of CC since the last call, in order."""
        taken = self.cloud.taken("queue:cc")
        return [(envelope.subject, envelope.body) for envelope in taken if envelope.subject.startswith("hm.")]

    def starts(self) -> list[tuple[int, str | None, str]]:
        """Index, instance and reason of every ``hm.start``; nothing else was said."""
        found = self.complaints()
        assert {subject for subject, _ in found} <= {"hm.start"}, found
        return [(body["index"], body["instance_guid"], body["reason"]) for _, body in found]

    def delays(self) -> list[float]:
        """By how many seconds each message that waits for CC was delayed when it was sent."""
        messages = sqs_backends[ACCOUNT][REGION].queues["test-cc"]._messages
        return [round(max(m.delayed_until - m.sent_timestamp, 0) / 1000) for m in messages if '"hm.' in m.body]

    def actual(self, guid: str = "p") -> dict[str, str]:
        """State by instance guid, as HM has it."""
        return {str(row.instance_guid): str(row.state) for row in Instance.query(guid, consistent_read=True)}

    def row(self, name: str) -> Dea:
        found = rows.find(name)
        assert found is not None
        return found

    def seen(self, name: str) -> Seen:
        """The host's last beat."""
        return presence.seen(self.row(name), presence.hearing())

    def everything_hm_owns(self) -> str:
        """The contents of HM's tables."""
        tables = dict(self.cloud._tables())
        names = ("deas", "instances", "usage", "crash-counts")
        return json.dumps({name: repr(tables[f"test-{name}"].items) for name in names})


@dataclass
class FakeDea:
    """A DEA as HM knows it."""

    stage: Stage
    name: str
    boot: str
    seq: int = 0
    speaks: bool = True
    draining: bool = False
    reserved_memory_mb: int = 0
    instances: dict[str, InstanceBeat] = field(default_factory=dict)
    builds: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()

    def runs(self, guid: str = "i0", index: int = 0, state: str = "RUNNING", **more: Any) -> "FakeDea":
        """It has this instance of ``p`` from now on."""
        known = {"process_guid": "p", "app_guid": "app-of-p", "version": 1, "since": self.stage.now, "port": 20000}
        fields = {"routes_version": 1, **known, **more}
        self.instances[guid] = InstanceBeat(instance_guid=guid, index=index, state=state, **fields)
        return self

    def message(self, usage: dict[str, Usage] | None = None) -> Heartbeat:
        """The next beat."""
        self.seq += 1
        instances = tuple(self.instances.values())
        return Heartbeat(
            dea=self.name,
            boot=self.boot,
            seq=self.seq,
            host="127.0.0.1",
            http="http://127.0.0.1:1",
            queue_url=f"http://queue/{self.name}-{self.boot}",
            stack="cflinuxfs4",
            arch="x86_64",
            draining=self.draining,
            capacity=Capacity(4096, 16384, self.reserved_memory_mb, 0),
            digest=hashlib.sha256(repr(instances).encode()).hexdigest(),
            instances=instances,
            usage=usage or {},
            builds=self.builds,
            tasks=self.tasks,
        )

    def beat(self, hm: HealthWorld | None = None) -> bool:
        return self.deliver(self.message(), hm=hm)

    def deliver(self, message: Heartbeat, sent_s_ago: float = 0, hm: HealthWorld | None = None) -> bool:
        """Whether it was news, which is noted as a sweep would; when HM last listened stays as it is."""
        now, hm, hearing = self.stage.now, hm or self.stage.hm, presence.hearing()
        hosts = {str(row.id): row for row in rows.all_hosts()}
        seen = beats.take_beat(hm, hosts, hearing, message, now - sent_s_ago, now, "trace")
        if seen:
            listening.note(hm.timers, hearing, {self.name: seen}, hosts, hearing.at)
        return seen is not None

    def reboots(self, boot: str) -> "FakeDea":
        """A new process with nothing running, unless the test says so."""
        self.boot, self.seq, self.instances, self.draining = boot, 0, {}, False
        self.builds, self.tasks = (), ()
        return self

    def exit_of(self, guid: str, reason: str = REASON_CRASHED, status: int | None = 137) -> DropletExited:
        one = self.instances[guid]
        return DropletExited(
            one.process_guid,
            one.app_guid,
            one.version,
            one.index,
            guid,
            self.name,
            self.boot,
            reason,
            status,
            f"exited with status {status}",
            self.stage.now,
        )

    def crashes(self, guid: str, status: int | None = 137) -> DropletExited:
        """The instance ends, and the DEA says so at once."""
        told = self.exit_of(guid, status=status)
        self.instances[guid] = replace(self.instances[guid], state="CRASHED", since=self.stage.now, port=None)
        exits.take_exit(self.stage.hm, told, self.stage.now, "trace")
        return told

    def shutdown(self) -> DeaShutdown:
        self.draining = True
        return DeaShutdown(self.name, self.boot, tuple(self.instances.values()))


def as_usage(memory_bytes: int) -> Usage:
    return Usage(cpu=0.5, memory_bytes=memory_bytes, disk_bytes=1)


def record(message_id: str, body: str) -> dict[str, Any]:
    """One record of an SQS event."""
    return {"messageId": message_id, "receiptHandle": message_id, "body": body}


def envelope_body(subject: str, body: Any, sent_at: float, **more: Any) -> str:
    known = {"id": "m", "subject": subject, "sent_at": sent_at, "sender": "dea-0", "trace": "t", "v": 1}
    return json.dumps({**known, "body": to_json(body), **more})
