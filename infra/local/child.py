"""One component under supervision: started, watched, started again when it dies, kept down when asked to.

A component writes its log to a file of its own, not through a pipe: it must outlive the supervisor.
"""

import json
import logging
import os
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any

from infra.local import folders, processes, spawn
from infra.local.folders import Folders
from infra.local.plan import Component
from infra.local.spawn import Started

log = logging.getLogger(__name__)

#: Pause before a component is started again: doubled every time up to the cap, from the start when it has lived.
FIRST_PAUSE_S, PAUSE_CAP_S, LIVED_S = 0.2, 5.0, 10.0

#: How long a component may take to end after SIGTERM, seconds.
STOP_GRACE_S = 10

#: A log is cut to nothing at this size, with one older copy kept.
LOG_LIMIT_BYTES = 10 * 1024 * 1024


class Child:
    """``start`` wants it up, ``stop`` wants it down; a thread of its own makes it so."""

    def __init__(self, spec: Component, where: Folders, first: Started | None = None) -> None:
        """``first``: a process of it that runs already."""
        self.spec, self._folders, self._first = spec, where, first
        self.exits = 0
        self.process: processes.Process | None = None
        self._wanted = False
        self._ended: processes.Process | None = None
        self._changed = threading.Condition()
        threading.Thread(target=self._supervise, name=spec.name, daemon=True).start()

    @property
    def log_path(self) -> Path:
        return spawn.log_path(self.spec, self._folders)

    def start(self) -> None:
        with self._changed:
            self._wanted = True
            self._changed.notify_all()

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ends it and keeps it down. Returns when it has ended."""
        self.let_go()
        if process := self.process:
            process.signal(number)
            if processes.wait_for([process], STOP_GRACE_S):
                process.signal(signal.SIGKILL)
                processes.wait_for([process], 5)

    def let_go(self) -> None:
        """Start it no more when it ends, which somebody else sees to."""
        with self._changed:
            self._wanted = False
            self._ended = self.process
            self._changed.notify_all()

    def restart(self) -> None:
        self.stop()
        self.start()

    def ready(self) -> dict[str, Any] | None:
        """What it wrote when it became ready; None while the present process has not."""
        process = self.process
        try:
            said: dict[str, Any] = json.loads(spawn.ready_path(self.spec, self._folders).read_text())
        except (OSError, ValueError):
            return None
        return said if process and said.get("pid") == process.pid and process.is_alive() else None

    def status(self) -> dict[str, Any]:
        """What it said of itself when it became ready (where it listens, Envoy's pid), and how it is now."""
        process, ready = self.process, self.ready()
        alive = process is not None and process.is_alive()
        state = "running" if ready else "starting" if alive else "restarting" if self._wanted else "stopped"
        return {
            **(ready or {}),
            "name": self.spec.name,
            "pid": process.pid if process and alive else None,
            "http": ready["http"] if ready else None,
            "state": state,
            "exits": self.exits,
        }

    def _supervise(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted)
                began = time.monotonic()
                child = self._started()
            status = child.wait()
            with self._changed:
                if self._ended == self.process:
                    continue
                self.exits += 1
                if not self.spec.restarts:
                    log.error("%s has ended with status %d; this cloud is lost", self.spec.name, status)
                    self._wanted = False
                    continue
                pause = FIRST_PAUSE_S if time.monotonic() - began > LIVED_S else pause
                log.warning("%s has ended with status %d; started again in %.1f s", self.spec.name, status, pause)
                # Wakes early when somebody wants it down, or up at once.
                self._changed.wait(pause)
                pause = min(pause * 2, PAUSE_CAP_S)

    def _started(self) -> Started:
        """Start it, or take over what was started for us; and note who it is."""
        child = self._first or spawn.new(self.spec, self._folders)
        self._first = None
        self.process = processes.identify(child.pid)
        if self.process:
            folders.remember(self._folders, self.spec.name, self.process)
        return child

    def cut_log(self) -> None:
        """Keep the log's size within bounds. The component appends, so cutting below it is safe."""
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_LIMIT_BYTES:
            shutil.copyfile(self.log_path, self.log_path.with_suffix(".log.1"))
            os.truncate(self.log_path, 0)

    def last_words(self, lines: int = 5) -> list[str]:
        """The end of the log, for somebody who wonders why it died."""
        try:
            return self.log_path.read_text(errors="replace").splitlines()[-lines:]
        except OSError:
            return []
