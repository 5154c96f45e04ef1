"""The process that keeps a local cloud up: starts all components at once, restarts what dies, answers for them.

When it dies itself, the components stay, and ``zf local down`` finds them by the pid files.

``python -m infra.local.supervisor HOME OPTIONS LOCK_FD``: OPTIONS is JSON, the lock is the one of the home.
"""

import json
import logging
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from infra.local import authority, folders, machine, ops, plan, processes, readiness, spawn, teardown
from infra.local.child import Child
from infra.local.control import ControlServer
from infra.local.folders import Folders, State
from infra.local.plan import Options
from infra.local.spawn import Started

log = logging.getLogger(__name__)

ADMIN = "admin"

#: A component that ends this often before the cloud is ready will not come up by being started again.
HOPELESS_EXITS = 4

LOG_CHECK_S = 30


class Supervisor:
    """A cloud of these children; ``is_ready`` tells whether those that run have found each other. ``facts`` stand
    in the status beside what is kept. ``began``: when the cloud was asked for, by the monotonic clock. ``run``
    returns when the cloud is down."""

    def __init__(
        self,
        where: Folders,
        kept: State,
        children: Sequence[Child],
        is_ready: Callable[[], bool],
        facts: Mapping[str, Any],
        began: float,
    ) -> None:
        self.folders = where
        self.children = children
        self.state, self.error = "starting", ""
        self._kept, self._is_ready, self._facts = kept, is_ready, facts
        self._began, self._ready_after_s = began, 0.0
        self._down = threading.Event()

    def run(self) -> None:
        server = ControlServer(self)
        self._kept = replace(self._kept, control=server.address)
        folders.save(self.folders, self._kept)
        threading.Thread(target=server.serve_forever, name="control", daemon=True).start()
        for child in self.children:
            child.start()
        threading.Thread(target=self._become_ready, name="readiness", daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._down.set())
        while not self._down.wait(LOG_CHECK_S):
            for child in self.children:
                child.cut_log()
        self._tear_down()
        server.server_close()

    def down(self) -> None:
        self._down.set()

    def child(self, name: str) -> Child | None:
        return next((child for child in self.children if child.spec.name == name), None)

    def status(self) -> dict[str, Any]:
        lost = any(child.exits and not child.spec.restarts for child in self.children)
        kept = {key: value for key, value in asdict(self._kept).items() if key not in ("supervisor", "control")}
        return {
            "state": "lost" if lost and self.state != "stopping" else self.state,
            "error": self.error,
            "supervisor": {"pid": self._kept.supervisor[0], "http": self._kept.control},
            "ready_after_s": self._ready_after_s,
            **kept,
            **self._facts,
            "run_folder": str(self.folders.run),
            "logs_folder": str(self.folders.logs),
            "components": [child.status() for child in self.children],
        }

    def _become_ready(self) -> None:
        while not self._down.is_set():
            hopeless = next((child for child in self.children if child.exits >= HOPELESS_EXITS), None)
            if hopeless:
                words = "\n".join(hopeless.last_words())
                self.state, self.error = "failed", f"{hopeless.spec.name} does not start:\n{words}"
                return
            if all(child.ready() for child in self.children) and self._is_ready():
                self.state, self._ready_after_s = "ready", round(time.monotonic() - self._began, 2)
                log.info("ready after %.2f s", self._ready_after_s)
                return
            self._down.wait(0.03)

    def _tear_down(self) -> None:
        self.state = "stopping"
        for child in self.children:
            child.let_go()
        teardown.ask_agents(folders.addresses(self.folders))
        teardown.end_processes(
            folders.remembered(self.folders), self.folders, [processes.Process(*self._kept.supervisor)]
        )
        teardown.remove_rest(self.folders)


def arguments(home: Path, options: Options, lock: int) -> list[str]:
    """The command line that :func:`main` understands."""
    return [sys.executable, "-P", "-m", "infra.local.supervisor", str(home), json.dumps(asdict(options)), str(lock)]


def main(home: str, wanted: str) -> None:
    began = time.monotonic()
    where = folders.folders(Path(home), os.environ, os.geteuid() == 0)
    options = Options(**json.loads(wanted))
    own = machine.look(where.run, plan.ports_needed(options))
    env = plan.common_env(options, own, where.marker, os.environ)
    me = processes.identify(os.getpid())
    assert me
    kept = State(
        supervisor=(me.pid, me.started),
        port=options.port,
        prefix=plan.PREFIX,
        # By number: not every resolver knows api.localhost, and none a made-up domain.
        api_url=f"{options.scheme}://127.0.0.1:{options.port}",
        apps_domain=options.domain,
        admin_user=ADMIN,
        admin_password=secrets.token_urlsafe(12),
    )
    aws, *others = plan.components(options, own, where.run, kept.admin_password, env)
    # AWS is what all others wait for, and shares next to nothing with them: it imports while we do.
    started: list[Started] = [spawn.new(aws, where)]
    spawn.preload(env)
    for spec in others:
        forked = spawn.fork(spec, where)
        if forked is None:
            return spawn.become(spec, where)
        started.append(forked)
    ops.log_as_json("supervisor", os.environ.get("ZF_LOG_LEVEL", "INFO"))
    Supervisor(
        where,
        kept,
        [Child(spec, where, first) for spec, first in zip([aws, *others], started, strict=True)],
        lambda: readiness.is_ready(env["AWS_ENDPOINT_URL"], plan.PREFIX, options),
        {
            "aws_url": env["AWS_ENDPOINT_URL"],
            "routers": [f"{options.scheme}://{listen}" for listen in plan.listeners(options, own)],
            "ca_file": str(where.tls / authority.AUTHORITY) if options.certificates else None,
        },
        began,
    ).run()
    return None


if __name__ == "__main__":
    main(*sys.argv[1:3])
