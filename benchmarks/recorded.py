"""DynamoDB's answers for an installation of any size, as bytes, given to botocore instead of the network.

What runs on them is the platform's own code from the table models up: signing, parsing, decoding and deciding. Items
are made by the models' own serializer once and then varied in the wire format; pages end at 1 MB, as DynamoDB's do.
"""

import base64
import io
import json
import os
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from chalicelib.contracts.heartbeat import RUNNING
from chalicelib.tables import connection
from chalicelib.tables.actual import Dea
from chalicelib.tables.base import Member
from chalicelib.tables.running import DESIRED_SHARDS, Process, desired_list
from infra.cost.units import item_bytes
from infra.local.account import CREDENTIALS

PAGE_BYTES = 1024**2

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Size:
    """An installation: ``instances`` spread evenly over ``deas``, so many of each process."""

    deas: int
    instances: int
    per_process: int = 2

    @property
    def processes(self) -> int:
        return self.instances // self.per_process


def pages(items: Sequence[Item], keys: Sequence[str]) -> list[bytes]:
    """The answers to one query and its continuations."""
    groups: list[list[Item]] = [[]]
    size = 0
    for item in items:
        length = item_bytes(item)
        if groups[-1] and size + length > PAGE_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(item)
        size += length
    answers = []
    for group in groups:
        answer: Item = {"Items": group, "Count": len(group), "ScannedCount": len(group)}
        if group is not groups[-1]:
            answer["LastEvaluatedKey"] = {key: group[-1][key] for key in keys}
        answers.append(json.dumps(answer, default=_on_the_wire).encode())
    return answers


def _on_the_wire(held: bytes) -> str:
    """Binary attributes, as DynamoDB writes them into JSON."""
    return base64.b64encode(held).decode()


class Recorded:
    """All answers of an installation where everything is as desired. ``now``: epoch s, when all hosts have beaten."""

    def __init__(self, size: Size, now: float) -> None:
        self.calls = 0
        guids = [
            str(uuid.UUID(int=number * 0x9E3779B97F4A7C15 % 2**128, version=4)) for number in range(size.processes)
        ]
        self._processes = self._made(guids, size, now)
        self._queries = {f"{Dea.Meta.table_name}/all": pages(_hosts(guids, size, now), ("pool", "id"))}
        members: dict[int, list[Item]] = defaultdict(list)
        for guid in guids:
            shard = crc32(guid.encode()) % DESIRED_SHARDS
            members[shard].append(Member(desired_list(shard), f"#{guid}", name=guid).serialize())
        for shard in range(DESIRED_SHARDS):
            self._queries[f"{Member.Meta.table_name}/{desired_list(shard)}"] = pages(
                members[shard], ("parent", "member")
            )
        hearing = {"key": {"S": "hearing"}, "at": {"N": str(now)}, "since": {"N": "0"}}
        self._hearing = json.dumps({"Item": hearing}).encode()

    def _made(self, guids: Sequence[str], size: Size, now: float) -> dict[str, bytes]:
        """guid -> its process, encoded."""
        process = Process("", app_guid="", space_guid=str(uuid.uuid4()), instances=size.per_process, state="STARTED")
        process.created_at = process.updated_at = "2026-01-01T00:00:00.000000Z"
        process.version, process.changed_at, process.rev = 3, now - 86400, 4
        process.command, process.droplet_guid = "python server.py --port $PORT", str(uuid.uuid4())
        process.routes, process.routes_version = ["app.apps.example.com"], 1
        common = process.serialize()
        return {guid: json.dumps(common | {"guid": {"S": guid}, "app_guid": {"S": guid}}).encode() for guid in guids}

    def answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """What botocore asks for before it would send."""
        self.calls += 1
        raw = io.BytesIO(
            self._body(request.headers["X-Amz-Target"].decode().rpartition(".")[2], json.loads(request.body))
        )
        raw.stream = lambda **_: iter(lambda: raw.read(PAGE_BYTES), b"")  # type: ignore[attr-defined]
        return AWSResponse(request.url, 200, {"content-type": "application/x-amz-json-1.0"}, raw)

    def _body(self, operation: str, asked: Item) -> bytes:
        if operation == "GetItem":
            return self._hearing
        if operation == "BatchGetItem":
            ((table, wanted),) = asked["RequestItems"].items()
            items = b",".join(self._processes[key["guid"]["S"]] for key in wanted["Keys"])
            return b'{"Responses":{"%s":[%s]},"UnprocessedKeys":{}}' % (table.encode(), items)
        (value,) = asked["ExpressionAttributeValues"].values()
        answers = self._queries[f"{asked['TableName']}/{value['S']}"]
        start = asked.get("ExclusiveStartKey")
        if start is None:
            return answers[0]
        marker = json.dumps({"LastEvaluatedKey": start})[1:-1].encode()
        return answers[1 + next(number for number, body in enumerate(answers) if marker in body[-400:])]


def _hosts(guids: Sequence[str], size: Size, now: float) -> list[Item]:
    """The rows of all hosts; instances of a process lie on different ones."""
    lists: list[list[Any]] = [[] for _ in range(size.deas)]
    for number in range(size.instances):
        process, index = divmod(number, size.per_process)
        guid = guids[process]
        instance = f"{guid[:-4]}{index:04x}"
        lists[number % size.deas].append([guid, 3, index, instance, guid, RUNNING, now - 3600.25, 20000 + index, 1])
    capacity = {"memory_mb": 131072, "disk_mb": 500000, "reserved_memory_mb": 65536, "reserved_disk_mb": 250000}
    found = []
    for number, listed in enumerate(lists):
        row = Dea("all", f"dea-{number:05d}", boot=uuid.uuid4().hex[:12], seq=8640, seen_at=now, sent_at=now)
        row.host, row.http, row.stack, row.arch = "10.64.3.7", "http://10.64.3.7:9000", "cflinuxfs4", "aarch64"
        row.queue_url = f"https://sqs.us-east-1.amazonaws.com/123456789012/zf-prod-dea-{number:05d}"
        row.capacity, row.runtime, row.digest, row.instances = capacity, "docker", "0123456789abcdef", sorted(listed)
        found.append(row.serialize())
    return found


@contextmanager
def instead_of_dynamodb(recorded: Recorded) -> Iterator[None]:
    """While the block runs, this process's tables answer from ``recorded``."""
    os.environ.update(CREDENTIALS)
    connection.forget()
    events = connection.shared().client.meta.events
    events.register("before-send.dynamodb", recorded.answer)
    try:
        yield
    finally:
        connection.forget()
