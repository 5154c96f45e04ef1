"""Two ways to start a component: as a new interpreter, or, when a cloud comes up, as a fork of the supervisor.

A fork has the libraries that nearly all components import already in memory: 0.5 to 1 s of processor time each,
of which a cloud on two cores has none to spare. It is only possible while the supervisor has no thread, so what
dies later is started as a new interpreter.
"""

import gc
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from infra.local import ops
from infra.local.folders import Folders
from infra.local.plan import Component

#: Libraries of two components or more, none of which starts a thread. What reads ZF_ variables is not among them.
SHARED = (
    "aiohttp.web",
    "boto3.session",
    "botocore.httpsession",
    "botocore.retries.standard",
    "botocore.signers",
    "chalice",
    "cryptography.fernet",
    "joserfc.jwk",
    "joserfc.jwt",
    "prometheus_client",
    "pynamodb.models",
    "yaml",
)

#: The variable that has every call of AWS recorded, and the module that other interpreters start with then.
RECORD, RECORDING = "ZF_IAM_RECORD", ("infra.iam.recorder",)


class Started(Protocol):
    """A child process of ours."""

    @property
    def pid(self) -> int: ...

    def wait(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Forked:
    pid: int

    def wait(self) -> int:
        """Its exit status, negative for a signal, as subprocess tells it."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def ready_path(spec: Component, where: Folders) -> Path:
    return where.ready / f"{spec.name}.json"


def log_path(spec: Component, where: Folders) -> Path:
    return where.logs / f"{spec.name}.log"


def environment(spec: Component, where: Folders) -> dict[str, str]:
    return {**spec.env, "ZF_READY_FILE": str(ready_path(spec, where))}


def new(spec: Component, where: Folders) -> Started:
    """A new interpreter, in a session of its own: signals of the terminal are for the command."""
    ready_path(spec, where).unlink(missing_ok=True)
    env, listener = environment(spec, where), None
    if spec.listen is not None:
        listener = ops.listen(spec.listen)
        env["ZF_LISTEN_FD"] = str(listener.fileno())
    with open(log_path(spec, where), "ab") as output, listener or nullcontext():
        return subprocess.Popen(
            [sys.executable, "-P", "-m", *(RECORDING if RECORD in env else ()), *spec.args],
            cwd=where.run,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[listener.fileno()] if listener else [],
            start_new_session=True,
        )


def preload(common: Mapping[str, str]) -> None:
    """Import what components share. ``common``: what their environments do, for libraries that look."""
    os.environ.update(common)
    for name in SHARED:
        __import__(name)
    # Pages of objects that the collector does not touch stay shared.
    gc.freeze()


def fork(spec: Component, where: Folders) -> Forked | None:
    """None in the child, whose caller goes on with :func:`become` and nothing else."""
    ready_path(spec, where).unlink(missing_ok=True)
    pid = os.fork()
    return Forked(pid) if pid else None


def become(spec: Component, where: Folders) -> None:
    """Be the component, up to the end of this process."""
    os.setsid()
    os.chdir(where.run)
    null = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log_path(spec, where), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for source, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    # The command line stays the supervisor's; this is the name that ps -o comm and top show.
    Path("/proc/self/comm").write_text(spec.name)
    os.environ.clear()
    os.environ.update(environment(spec, where))
    if folder := os.environ.get(RECORD):
        from infra.iam import recorder

        recorder.install(folder)
    module, *arguments = spec.args
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
