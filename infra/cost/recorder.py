"""A hook in botocore that writes down every call of a process: one JSON line per call, one file per process.

It sits among botocore's built-in handlers, which every session has; whoever forks later writes to a file of its own.
The thread tells which function calls, because infra.local names its threads after queues and schedules; the thread's
processor time at both ends of a call tells what the function itself took in between.
"""

import json
import os
import threading
import time
from pathlib import Path
from statistics import fmean
from typing import Any

from botocore import handlers

from chalicelib.contracts.codec import DecodeError
from chalicelib.contracts.envelope import decode
from infra.cost import units
from infra.local.cloud import topology

#: What a call's context keeps of its beginning.
BEGUN = "zf_cost"


class Recorder:
    """``folder``: where the files go."""

    def __init__(self, folder: str) -> None:
        self._folder, self._lock = Path(folder), threading.Lock()
        self._copies = {f"zf-{name}": len(table.get("indexes", ())) for name, table in topology()["tables"].items()}

    def begin(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        if model.name == "UpdateItem":
            # The answer then has the item, whose size is what the write costs.
            params.setdefault("ReturnValues", "ALL_NEW")
        context[BEGUN] = (time.time(), time.thread_time(), params)

    def end(self, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        if BEGUN not in context:
            return
        began, cpu, params = context[BEGUN]
        line = {
            "who": Path(os.environ.get("ZF_READY_FILE", "other")).stem,
            "thread": threading.current_thread().name,
            "service": model.service_model.service_name,
            "call": model.name,
            "at": [began, time.time()],
            "cpu": [cpu, time.thread_time()],
        }
        if line["service"] == "dynamodb":
            line |= self._of_table(model.name, params, parsed)
        elif line["service"] in ("sqs", "sns"):
            line |= _of_bus(params, parsed)
        with self._lock, open(self._folder / f"{os.getpid()}.jsonl", "a") as out:
            out.write(json.dumps(line) + "\n")

    def _of_table(self, call: str, params: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        tables = params.get("TableName") or ",".join(sorted(params.get("RequestItems", {})))
        item = params.get("Item") or answer.get("Attributes") or answer.get("Item") or {}
        return {
            "table": tables.replace("zf-", ""),
            "read": units.read_by(call, params, answer),
            "write": sum(units.written_by(call, params, answer, self._copies).values()),
            "bytes": round(fmean(map(units.item_bytes, answer.get("Items") or [item]))),
        }


def _of_bus(params: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """Whom it concerns, and the messages: [subject, bytes] of each."""
    target = params.get("TopicArn") or params.get("QueueUrl") or ""
    texts = [params[key] for key in ("MessageBody", "Message") if key in params]
    texts += [message["Body"] for message in answer.get("Messages", ())]
    return {"target": target.rpartition("/")[2].rpartition(":")[2], "messages": [_about(text) for text in texts]}


def _about(text: str) -> tuple[str, int]:
    try:
        return decode(text).subject, len(text.encode())
    except DecodeError:
        return "?", len(text.encode())


def install(folder: str) -> None:
    """For all sessions that this process, and those that it forks, will make."""
    recorder = Recorder(folder)
    hooks: list[Any] = [("before-parameter-build", recorder.begin), ("after-call", recorder.end)]
    handlers.BUILTIN_HANDLERS += hooks
