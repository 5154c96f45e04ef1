"""Writes down which part of the platform asks AWS for what: one JSON line per new (part, action, resource).

On while ``ZF_IAM_RECORD`` names a folder: ``infra.local.spawn`` then installs it in the processes that it forks and
starts others through ``python -m infra.iam.recorder MODULE``; tests take it as a plugin (``-p infra.iam.plugin``). It
sits among botocore's built-in handlers, which every session has. Signed URLs count as calls of who signs them.

Which part calls is read off the stack: the handler that is in it, what a handler begins with, the API, or an agent.
What a handler gives to a pool of threads is still its own.
"""

import json
import os
import runpy
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from botocore import handlers

from infra.iam.calls import needs
from infra.iam.grants import TOPOLOGY
from infra.local.account import ACCOUNT, REGION

VARIABLE = "ZF_IAM_RECORD"

#: Where a frame's code lies -> whose it is. What else tests do with services by themselves is nobody's call.
ROOT = Path(__file__).parents[2]
PARTS = (
    (f"{ROOT}/chalicelib/api/", "api_handler"),
    (f"{ROOT}/dea_agent/", "dea"),
    (f"{ROOT}/router/", "router"),
)
HANDLERS = f"{ROOT}/chalicelib/handlers/"
SERVICES = f"{ROOT}/chalicelib/services/"
#: What handlers begin with, and tests by themselves: module and function -> the one handler that calls it.
BEGINNINGS = {
    ("auctioneer", "take_bid"): "cc_inbox",
    ("auctioneer", "take_started"): "cc_inbox",
    ("auctioneer", "take_refusal"): "cc_inbox",
    ("auctioneer", "check_auction"): "cc_inbox",
    ("auctioneer", "check_placement"): "cc_inbox",
    ("auctioneer", "open_more"): "cc_inbox",
    ("auctioneer", "decide"): "cc_inbox",
    ("builds", "finished"): "cc_inbox",
    ("complaints", "crashed"): "cc_inbox",
    ("complaints", "start"): "cc_inbox",
    ("complaints", "stop"): "cc_inbox",
    ("complaints", "routes"): "cc_inbox",
    ("complaints", "resync"): "cc_inbox",
    ("complaints", "orphan"): "cc_inbox",
    ("readiness", "take"): "cc_inbox",
    ("rollouts", "check"): "cc_inbox",
    ("routing", "check"): "cc_inbox",
    ("task_runs", "finished"): "cc_inbox",
    ("jobs", "run"): "cc_jobs",
    ("builds", "expired"): "cc_sweep",
    ("brokering/operations", "expired"): "cc_sweep",
    ("brokering/orphans", "due"): "cc_sweep",
    ("droplet_bits", "expired"): "cc_sweep",
    ("packages", "expired"): "cc_sweep",
    ("task_runs", "expired"): "cc_sweep",
    ("outbox", "sweep"): "cc_sweep",
    ("deadlines", "sweep"): "cc_sweep",
    ("rollouts", "sweep"): "cc_sweep",
    ("health/exits", "take_exit"): "hm_inbox",
    ("health/exits", "take_shutdown"): "hm_inbox",
    ("health/full", "check"): "hm_inbox",
    ("health/announced", "note"): "hm_inbox",
    ("health/quick", "take_cloud_word"): "hm_inbox",
    ("health/beats", "take_beat"): "hm_inbox",
    ("health/quick", "sweep"): "hm_inbox",
    ("health/quick", "send_pings"): "hm_quick_sweep",
    ("health/full", "sweep"): "hm_full_sweep",
}
TESTS = f"{ROOT}/tests/"
EVENT_SOURCE = f"{ROOT}/infra/local/event_source.py"
#: Who calls where no part is in the stack: whoever stands for AWS, or a test.
NOBODY = ""

_pool = threading.local()


def part_of(frame: FrameType | None) -> str:
    """Of the outermost frame that is some part's, up to a test's: what a test does in the middle of somebody's call,
    or somebody for it, is not his."""
    found = NOBODY
    if part := getattr(_pool, "part", NOBODY):
        return str(part)
    while frame is not None:
        path, name = frame.f_code.co_filename, frame.f_code.co_name
        if path.startswith(HANDLERS) and name.startswith(("cc_", "hm_")):
            return name
        if path.startswith(TESTS):
            break
        if path == EVENT_SOURCE:
            # Lambda polls with the function's role: what is asked here is of the queue's function.
            spec = getattr(frame.f_locals.get("self"), "spec", None)
            found = TOPOLOGY["queues"].get(getattr(spec, "name", None), {}).get("handler", found)
        if path.startswith(SERVICES):
            found = BEGINNINGS.get((path.removeprefix(SERVICES).removesuffix(".py"), name), found)
        found = next((part for folder, part in PARTS if path.startswith(folder)), found)
        frame = frame.f_back
    return found


class Recorder:
    """One file per process; whoever is forked later writes to one of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: set[tuple[int, str, str, str]] = set()
        self._lock = threading.Lock()

    def call(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        """botocore's before-parameter-build."""
        part = part_of(sys._getframe())
        if part == NOBODY:
            return
        for action, resource in needs(model.service_model.service_name, model.name, params, f"{REGION}:{ACCOUNT}"):
            line = (os.getpid(), part, action, resource)
            with self._lock:
                if line not in self._known:
                    self._known.add(line)
                    with open(self._folder / f"{os.getpid()}.jsonl", "a") as out:
                        out.write(json.dumps(line[1:]) + "\n")


def install(folder: str) -> None:
    """For all sessions that this process, and those that it forks, will make."""
    recorder: Any = ("before-parameter-build", Recorder(Path(folder)).call)
    handlers.BUILTIN_HANDLERS.append(recorder)
    submit: Callable[..., Future[Any]] = ThreadPoolExecutor.submit

    def submitted(pool: ThreadPoolExecutor, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return submit(pool, partial(_as_part, part_of(sys._getframe()), work), *args, **kwargs)

    ThreadPoolExecutor.submit = submitted  # type: ignore[assignment, method-assign]


def _as_part(part: str, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    _pool.part = part
    try:
        return work(*args, **kwargs)
    finally:
        _pool.part = NOBODY


if __name__ == "__main__":
    from infra.iam import recorder as itself  # not this module, which has another name and another state

    itself.install(os.environ[VARIABLE])
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
