"""Containers of images that somebody else made. Nothing of ours runs in them, so the engine keeps their output, within
bounds, and the agent reads it from there; what it has read is told by the app's own log, which a restarted agent reads.
"""

import logging
import threading
import time
from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
from docker.errors import DockerException

from chalicelib.contracts.runspec import Image
from chalicelib.core.routing import APP_PORT
from dea_agent import trees
from dea_agent.runtimes.base import Exit, Launch, Sample
from dea_agent.runtimes.docker_container import AGAIN_S, DockerContainer
from dea_agent.runtimes.shim import ERR, LINE_BYTES, OUT, LogFile, Rate

log = logging.getLogger(__name__)

#: Notes on a container for the agent that finds it again: that it is one of these; its log, and how fast that may grow.
LOGS, LOG_RATE = "zerofoundry.logs", "zerofoundry.log_rate_bytes"

#: What images that begin as root commonly need in order to become another user: own their files, listen on port 80.
#: The engine's default has nine more.
CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"]

#: What the engine keeps of the output; the agent is seconds behind at most.
ENGINES_LOG = {"Type": "json-file", "Config": {"max-size": "8m", "max-file": "2"}}

#: The engine's times, as it writes them: ``2026-01-02T03:04:05.123456789Z``.
TIME_LENGTH = 30

#: So much of the end of a log tells how far it came.
TAIL_BYTES = 1024 * 1024

#: Seconds that the rest of the output may take to be read after the end.
LAST_LINES_S = 5.0

#: Seconds between two looks at what it has written.
DISK_S = 5.0


def creation(contained: dict[str, Any], launch: Launch, image: Image, network: str, host: str) -> dict[str, Any]:
    """The arguments of the container's creation. contained: what holds for all (DockerRuntime.contained).

    Files are the image's own, so its root can be written; who it runs as, where and by which variables, is what it
    says, as far as the app does not say otherwise.
    """
    ports = defaultdict(list)
    for port in launch.ports:
        inner = image.port if port.internal == APP_PORT else port.internal
        ports[f"{inner}/tcp"].append((host, port.external))
    own = {"entrypoint": ["/bin/sh", "-c"], "command": [launch.command]} if launch.command else {"command": None}
    kept = {key: value for key, value in contained.items() if key not in ("user", "stdin_open")}
    return {
        **kept,
        **own,
        "image": image.name,
        "labels": contained["labels"] | {LOGS: str(launch.logs), LOG_RATE: str(launch.limits.log_rate_bytes)},
        "environment": launch.env,
        "read_only": False,
        "init": True,  # most programs do not expect to be the first process, which no signal ends by default
        "cap_add": CAPABILITIES,
        "log_config": ENGINES_LOG,
        "network": network,
        "ports": dict(ports),
    }


class ImageContainer(DockerContainer):
    """Follows its output from the moment it is made, where the last agent's left off."""

    def __init__(self, container: Any, control: Path) -> None:
        super().__init__(container, control)
        labels = container.labels
        self._sink = Sink(Path(labels[LOGS]), int(labels[LOG_RATE]))
        self._followers = [Follower(container, stream, self._sink) for stream in (OUT, ERR)]
        for follower in self._followers:
            follower.start()
        self._disk_bytes, self._disk_due = 0, 0.0

    def stop_signal(self) -> str:
        return str(self._container.attrs["Config"].get("StopSignal") or "SIGTERM")

    def _exit(self) -> Exit:
        exit_ = super()._exit()
        for follower in self._followers:
            follower.join(LAST_LINES_S)
        self._sink.end(exit_.status)
        return exit_

    def sample(self) -> Sample | None:
        sample = super().sample()
        now = time.monotonic()
        if sample and now >= self._disk_due:
            self._disk_bytes = sum(map(trees.disk_bytes, self._written()))
            self._disk_due = now + DISK_S
        return replace(sample, disk_bytes=self._disk_bytes) if sample else None

    def _written(self) -> list[Path]:
        """Where lies what it writes: the engine's layer for it, and the volumes that its image declares."""
        attrs = self._container.attrs
        layer = (attrs.get("GraphDriver", {}).get("Data") or {}).get("UpperDir")
        volumes = [mount["Source"] for mount in attrs.get("Mounts") or () if mount.get("Type") == "volume"]
        return [Path(folder) for folder in (layer, *volumes) if folder]


class Sink:
    """The app's log, with its allowance; both of its streams come here."""

    def __init__(self, folder: Path, bytes_per_s: int) -> None:
        self._folder, self._rate, self._lock = folder, Rate(bytes_per_s), threading.Lock()
        self._log, self._is_ended = LogFile(str(folder), "app"), False

    def take(self, stream: bytes, line: bytes, at_ns: int) -> None:
        pieces = [line[i : i + LINE_BYTES] for i in range(0, max(len(line), 1), LINE_BYTES)]
        with self._lock:
            if passed := self._rate.admit(pieces):
                self._log.write(stream, b"\n".join(passed) + b"\n", at_ns)

    def end(self, status: int | None) -> None:
        """Once."""
        with self._lock:
            if not self._is_ended and status is not None:
                self._log.write(OUT, b"Exit status %d\n" % status)
            self._is_ended = True

    def reached_ns(self, stream: bytes) -> int:
        """Time of the last line of a stream, as far back as the tail of the log goes; 0 for none."""
        newest = max(self._folder.glob("app.*"), default=None)
        if newest is None:
            return 0
        with newest.open("rb") as file:
            skipped = max(0, newest.stat().st_size - TAIL_BYTES)
            file.seek(skipped)
            frames = [line.split(b" ", 2) for line in file.read().split(b"\n")[bool(skipped) :]]
        times = [(int(frame[0]), frame[1]) for frame in frames if len(frame) == 3 and frame[0].isdigit()]
        oldest = times[0][0] if skipped and times else 0
        return max((at for at, kind in times if kind == stream), default=oldest)


class Follower(threading.Thread):
    """One stream of a container's output into the log, to the container's end, whatever becomes of the engine."""

    def __init__(self, container: Any, stream: bytes, sink: Sink) -> None:
        super().__init__(name=f"log-{container.short_id}", daemon=True)
        self._container, self._stream, self._sink = container, stream, sink
        self._reached_ns, self._rest = sink.reached_ns(stream), b""

    def run(self) -> None:
        while True:
            try:
                was_over = self._is_over()
                for message in self._container.logs(
                    stdout=self._stream == OUT,
                    stderr=self._stream == ERR,
                    stream=True,
                    follow=True,
                    timestamps=True,
                    since=self._reached_ns // 10**9 or None,
                ):
                    self._take(message)
                if was_over:
                    return
            except (DockerException, requests.RequestException, OSError) as error:
                if getattr(error, "status_code", None) in (404, 409):  # it is removed, or being removed
                    return
                log.info("the engine does not tell what %s says: %s", self._container.name, error)
                time.sleep(AGAIN_S)

    def _is_over(self) -> bool:
        self._container.reload()
        return self._container.status in ("exited", "dead")

    def _take(self, message: bytes) -> None:
        """A line with its time before it; of a long one a part, which ends in no newline."""
        at, _, text = message.partition(b" ")
        at_ns = nanoseconds(at.decode(errors="replace"))
        if at_ns <= self._reached_ns:
            return
        self._reached_ns = at_ns
        self._rest += text
        if self._rest.endswith(b"\n") or len(self._rest) >= LINE_BYTES:
            self._sink.take(self._stream, self._rest.rstrip(b"\r\n"), at_ns)
            self._rest = b""


def nanoseconds(text: str) -> int:
    """Since the epoch, of a time as the engine writes it; 0 for what is none."""
    try:
        whole = datetime.fromisoformat(f"{text[:19]}+00:00").timestamp()
        return int(whole) * 10**9 + int(text[20 : TIME_LENGTH - 1])
    except ValueError:
        return 0
