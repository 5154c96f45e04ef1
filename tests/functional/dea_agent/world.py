"""A DEA on a real bus (moto) with everybody else played: CC's blobs, its messages, and routers that take logs."""

import contextlib
import gzip
import hashlib
import io
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from moto.server import ThreadedMotoServer

from chalicelib.adapters.bus import Bus
from chalicelib.contracts.auction import TASK, HealthCheck, Limits, Start, Stop
from chalicelib.contracts.codec import to_json
from chalicelib.contracts.envelope import Envelope, decode
from chalicelib.contracts.routing import RouterStart
from chalicelib.contracts.runspec import RunSpec, SidecarSpec
from tests.functional.dea_agent.app import SERVER

ROOT = Path(__file__).resolve().parents[3]

QUICK = {
    "ZF_PROFILE": "local",
    "ZF_HEARTBEAT_S": "0.5",
    "ZF_USAGE_INTERVAL_S": "0.5",
    "ZF_SAMPLE_S": "0.2",
    "ZF_GAUGE_S": "1",
    "ZF_STOP_GRACE_S": "2",
    "ZF_REGISTER_S": "2",
}

SERVE = "exec /usr/bin/python3 -u server.py"


def eventually(what: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    """The first true value of ``what``; an OSError counts as not yet."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            value = what()
        except OSError:
            value = None
        if value:
            return value
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def droplet(files: dict[str, str]) -> bytes:
    """A tar.gz with ``./<name>`` for each; the same bytes at any time."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size, info.mode = len(text), 0o644
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def get(port: int, path: str = "/", timeout_s: float = 20) -> bytes:
    """From an app."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=timeout_s) as answer:
        body: bytes = answer.read()
        return body


def poke(port: int, path: str) -> None:
    """Ask an app for what may end it before it has answered."""
    with contextlib.suppress(OSError):
        get(port, path)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        self.server.world.asked[self.path] += 1
        self.server.world.gate.wait(10)
        body = self.server.world.blobs.get(self.path)
        self._answer(200 if body is not None else 404, body or b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(self.server.world.take_logs(json.loads(body), self.headers["Authorization"]), b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    world: "World"
    daemon_threads = True


@dataclass
class World:
    """heard: everything that DEAs said, in the order in which the bus gave it. logs: lines as a router keeps them.

    gauges: batches, as they came.
    """

    endpoint: str
    prefix: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}")
    blobs: dict[str, bytes] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    heard: list[Envelope] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    gauges: list[dict[str, Any]] = field(default_factory=list)
    log_status: int = 204
    gate: threading.Event = field(default_factory=threading.Event)
    deas: "list[Dea]" = field(default_factory=list)

    def open(self) -> "World":
        self.gate.set()
        self.bus = Bus("cc", self.prefix)
        for topic in ("dea", "routes", "components"):
            self.bus.sns.create_topic(Name=f"{self.prefix}-{topic}")
        self._queues = [
            self.bus.sqs.create_queue(QueueName=f"{self.prefix}-{name}")["QueueUrl"]
            for name in ("cc", "hm", "beats", "ears")
        ]
        for topic in ("routes", "components"):
            self.bus.sns.subscribe(
                TopicArn=self.bus.topic_arn(topic),
                Protocol="sqs",
                Endpoint=f"arn:aws:sqs:us-east-1:123456789012:{self.prefix}-ears",
                Attributes={"RawMessageDelivery": "true"},
            )
        self._web = _Server(("127.0.0.1", 0), _Handler)
        self._web.world = self
        self.web = f"http://127.0.0.1:{self._web.server_address[1]}"
        threading.Thread(target=self._web.serve_forever, daemon=True).start()
        self._closed = threading.Event()
        for url in self._queues:
            threading.Thread(target=self._listen, args=(url,), daemon=True).start()
        return self

    def _listen(self, url: str) -> None:
        while not self._closed.is_set():
            try:
                messages = self.bus.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
            except Exception:
                return
            for message in messages.get("Messages", []):
                self.heard.append(decode(message["Body"]))
                self.bus.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            self._closed.wait(0.02)

    def close(self) -> None:
        for dea in self.deas:
            dea.end()
        self._closed.set()
        self._web.shutdown()

    # What DEAs say.

    def said(self, subject: str, **fields: Any) -> list[dict[str, Any]]:
        """Bodies of the messages heard so far whose fields have these values."""
        return [
            envelope.body
            for envelope in list(self.heard)
            if envelope.subject == subject and all(envelope.body.get(name) == value for name, value in fields.items())
        ]

    def wait_for(self, subject: str, timeout_s: float = 20.0, **fields: Any) -> dict[str, Any]:
        body: dict[str, Any] = eventually(lambda: self.said(subject, **fields), timeout_s)[0]
        return body

    def order_of(self, *subjects: str) -> list[str]:
        """Subjects in the order of sending, these only."""
        told = sorted((e for e in list(self.heard) if e.subject in subjects), key=lambda e: e.sent_at)
        return [envelope.subject for envelope in told]

    def states(self, guid: str) -> list[str]:
        """The instance's states in the beats so far."""
        return [
            one["state"]
            for beat in self.said("dea.heartbeat")
            for one in beat["instances"]
            if one["instance_guid"] == guid
        ]

    def take_logs(self, batch: dict[str, Any], authorization: str | None) -> int:
        if batch["entries"][0]["type"] == "GAUGE":
            assert batch["grant"] == "log-grant"
            self.gauges.append(batch)
            return 204
        assert authorization == "Bearer log-grant"
        if self.log_status != 204:
            return self.log_status
        for entry in batch["entries"]:
            key = (entry["instance_guid"], entry["source_type"])
            if entry["offset"] > max(
                (e["offset"] for e in self.logs if (e["instance_guid"], e["source_type"]) == key), default=0
            ):
                self.logs.append(entry)
        return 204

    def lines(self, source_type: str = "APP/PROC/WEB", guid: str | None = None) -> list[str]:
        return [
            e["text"] for e in list(self.logs) if e["source_type"] == source_type and guid in (None, e["instance_guid"])
        ]

    # What CC and routers say.

    def router_starts(self, router: str = "router-0", boot: str = "b1") -> None:
        self.bus.say("topic:components", "router.start", RouterStart(router, boot, self.web))

    def dea(self, **env: str) -> "Dea":
        dea = Dea(self, env)
        self.deas.append(dea)
        return dea

    def start(self, dea: "Dea", **changes: Any) -> Start:
        """Have ``dea`` start an instance of the serving app. ``command``, ``files`` and fields of Start may differ."""
        start = self.a_start(**changes)
        self.bus.say(f"url:{dea.queue_url}", "dea.start", start)
        return start

    def a_start(
        self,
        command: str = SERVE,
        files: dict[str, str] | None = None,
        env: dict[str, str] | None = None,
        health: HealthCheck | None = None,
        sidecars: tuple[SidecarSpec, ...] = (),
        ports: tuple[int, ...] = (8080,),
        **changes: Any,
    ) -> Start:
        archive = droplet({"app/server.py": SERVER, **(files or {})})
        digest = hashlib.sha256(archive).hexdigest()
        self.blobs[f"/droplets/{digest}"] = archive
        start = Start(
            app_guid="app-1",
            app_name="hello",
            process_guid="process-1",
            process_type="web",
            version=1,
            index=0,
            instance_guid=str(uuid.uuid4()),
            limits=Limits(128, 64),
            health=health or HealthCheck(timeout_s=15),
            spec_url="",
            droplet_url=f"{self.web}/droplets/{digest}",
            droplet_digest=f"sha256:{digest}",
            routes=("hello.localhost",),
            routes_version=1,
            route_grant="route-grant",
            log_grant="log-grant",
        )
        start = replace(start, **changes)
        path = f"/specs/{start.instance_guid}"
        about = '{"name": "hello"}'
        spec = RunSpec(start.process_guid, start.version, command, env or {}, about, "{}", sidecars, ports)
        self.blobs[path] = json.dumps(to_json(spec)).encode()
        return replace(start, spec_url=f"{self.web}{path}")

    def task(self, dea: "Dea", command: str, **changes: Any) -> Start:
        """Have ``dea`` run a task named ``job``."""
        guid = str(uuid.uuid4())
        task = {"work": TASK, "process_guid": guid, "process_type": "job", "version": 0, "routes": ()}
        return self.start(dea, command=command, **{"health": HealthCheck("process"), **task, **changes})

    def running(self, dea: "Dea", **changes: Any) -> tuple[Start, int]:
        """A started instance and its port."""
        start = self.start(dea, **changes)
        started = self.wait_for("dea.started", instance_guid=start.instance_guid)
        return start, started["port"]

    def stop(self, *guids: str, process_guid: str = "process-1", up_to_version: int | None = None) -> None:
        self.bus.say("topic:dea", "dea.stop", Stop(process_guid, up_to_version, guids))


class Dea:
    """The agent as a process of its own. ``end`` leaves nothing of it or its apps."""

    def __init__(self, world: World, env: dict[str, str]) -> None:
        self._world = world
        # Not below a private folder: apps run as users of their own.
        self.dir = Path(tempfile.mkdtemp(prefix="zf-test-", dir="/var/tmp"))
        self.dir.chmod(0o711)
        self._env = env
        self.boot()

    def boot(self) -> "Dea":
        self._ready = self.dir / "ready.json"
        self._ready.unlink(missing_ok=True)
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ZF_")},
            **QUICK,
            "ZF_DEA_ID": "dea-0",
            "ZF_DEA_DIR": str(self.dir / "dea"),
            "ZF_PREFIX": self._world.prefix,
            "ZF_RUNTIME": "process",
            "ZF_READY_FILE": str(self._ready),
            "ZF_PORT_RANGE": "26000-29999",
            "ZF_UID_BASE": "29001",
            "AWS_ENDPOINT_URL": self._world.endpoint,
            "SECRET_OF_THE_HOST": "not for apps",
            **self._env,
        }
        self.process = subprocess.Popen([sys.executable, "-m", "dea_agent"], cwd=ROOT, env=env)
        ready = eventually(lambda: json.loads(self._ready.read_text()), 30)
        self.http, self.boot_id = ready["http"], ready["boot"]
        # As we reach it, however the agent does.
        self.queue_url = f"{self._world.endpoint}/123456789012/{self._world.prefix}-dea-dea-0-{self.boot_id}"
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.http}{path}", timeout=5) as answer:
            body: bytes = answer.read()
            return body

    def post(self, path: str) -> int:
        request = urllib.request.Request(f"{self.http}{path}", method="POST")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)

    @property
    def has_users(self) -> bool:
        """Whether apps run as users of their own."""
        return os.geteuid() == 0

    def varz(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.get("/varz"))
        return value

    def end(self) -> None:
        if self.process.poll() is not None and (self.dir / "dea").exists():
            self.boot()
        if self.process.poll() is None:
            self.post("/stop-all")
            self.process.wait(20)
        shutil.rmtree(self.dir)


def moto() -> ThreadedMotoServer:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    return server
