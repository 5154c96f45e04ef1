"""Log lines from this host's files to the two routers that own their source, each line once for each router.

The files are the backlog: a router that is down is tried again and misses nothing within their bounds. How far
each router has come is kept beside them, so a restarted agent goes on where the last one stopped; what was posted
but not yet noted is posted again and dropped by the router, by its offset.
"""

import asyncio
import json
import logging
import os
import shutil
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from chalicelib.contracts.codec import DecodeError, from_json, to_json
from chalicelib.contracts.logs import LogBatch, LogEntry
from dea_agent import log_reader
from dea_agent.log_reader import LogReader
from dea_agent.log_routers import LogRouter, RouterTable
from dea_agent.runtimes.shim import ERR, LINE_BYTES, OUT, LogFile

log = logging.getLogger(__name__)

#: Bytes of log in one post.
BATCH_BYTES = 256 * 1024

#: A router that has nothing of a source yet gets about so much of what others already have.
REWIND_BYTES = 64 * 1024

#: Seconds that the log of something that is gone waits for routers.
RETIRED_S = 600.0

POST_TIMEOUT = aiohttp.ClientTimeout(total=10)

#: Seconds between tries of a router that fails: the first, doubled up to the last.
FIRST_PAUSE_S, LAST_PAUSE_S = 0.2, 5.0

#: Posts at one time.
POSTS = 8


@dataclass(frozen=True, slots=True)
class Source:
    """One folder of logs. types: file stem -> source_type (``app`` -> APP/PROC/WEB). instance_id: the index as text."""

    guid: str
    source_id: str
    instance_id: str
    grant: str
    types: dict[str, str]


class Rest:
    """When a receiver that failed is tried again."""

    def __init__(self) -> None:
        self._until, self._pause = 0.0, FIRST_PAUSE_S

    def is_over(self, now: float) -> bool:
        return now >= self._until

    def begin(self, now: float) -> None:
        self._until = now + self._pause
        self._pause = min(self._pause * 2, LAST_PAUSE_S)


class LogFolder:
    """The files of one source, and how far each router (by its key) has come in each."""

    def __init__(self, folder: Path, source: Source) -> None:
        self.folder, self.source = folder, source
        self.readers = {stem: LogReader(folder, stem) for stem in source.types}
        self.busy: set[str] = set()
        self.rests: defaultdict[str, Rest] = defaultdict(Rest)
        self.retired_at: float | None = None
        self._own: dict[str, LogFile] = {}
        try:
            self._sent: dict[str, dict[str, int]] = json.loads((folder / "sent.json").read_text())
        except (OSError, ValueError):
            self._sent = {}

    def extend(self, source: Source) -> None:
        """``source``: the same with more logs."""
        self.source = source
        self.readers = {stem: self.readers.get(stem) or LogReader(self.folder, stem) for stem in source.types}

    def write(self, stem: str, stream: bytes, text: str) -> None:
        """A line, or several, of the agent's own. A full disk costs lines, never what they tell of."""
        lines = text.rstrip("\n").encode(errors="replace").split(b"\n")
        pieces = [line[i : i + LINE_BYTES] for line in lines for i in range(0, max(len(line), 1), LINE_BYTES)]
        try:
            if stem not in self._own:
                self._own[stem] = LogFile(str(self.folder), stem)
            self._own[stem].write(stream, b"\n".join(pieces) + b"\n")
        except OSError as error:
            log.warning("a line for %s was lost: %s", self.source.guid, error)

    def remove(self) -> None:
        for file in self._own.values():
            file.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def position(self, stem: str, key: str) -> int:
        sent = self._sent.get(stem, {})
        if key in sent:
            return sent[key]
        return self.readers[stem].line_near(max(sent.values(), default=0), REWIND_BYTES)

    def has_new(self, key: str) -> bool:
        return any(reader.end() > self.position(stem, key) for stem, reader in self.readers.items())

    def note(self, stem: str, key: str, end: int, current: set[str]) -> None:
        """``current``: keys of the routers that own the source now; others are forgotten but for the furthest."""
        sent = self._sent.setdefault(stem, {})
        sent[key] = end
        furthest = max(sent, key=lambda name: sent[name])
        self._sent[stem] = {name: value for name, value in sent.items() if name in current or name == furthest}
        new = self.folder / "sent.json.new"
        try:
            new.write_text(json.dumps(self._sent))
            os.rename(new, self.folder / "sent.json")
        except OSError as error:
            log.warning("how far the log of %s was sent could not be noted: %s", self.source.guid, error)


class LogPump:
    """``folder``: one sub-folder per instance or staging, named by its guid."""

    def __init__(self, folder: Path, routers: RouterTable, http: aiohttp.ClientSession, flush_s: float) -> None:
        self._folder, self._routers, self._http, self._flush_s = folder, routers, http, flush_s
        self._folders: dict[str, LogFolder] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(POSTS)
        self._rests: defaultdict[str, Rest] = defaultdict(Rest)
        self.lines_sent = 0
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for entry in folder.iterdir():
            self._find(entry)

    def _find(self, folder: Path) -> None:
        try:
            source = from_json(Source, json.loads((folder / "source.json").read_text()))
        except (OSError, ValueError, DecodeError):
            shutil.rmtree(folder, ignore_errors=True)
            return
        self._folders[source.guid] = LogFolder(folder, source)

    def open(self, source: Source) -> Path:
        """Start the log of a new instance or staging; returns its folder. Raises OSError."""
        folder = self._folder / source.guid
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "source.json").touch(mode=0o600)
        (folder / "source.json").write_text(json.dumps(to_json(source)))
        self._folders[source.guid] = LogFolder(folder, source)
        return folder

    def add(self, guid: str, types: dict[str, str]) -> None:
        """Further logs in the folder of an instance, before anything is written there. Raises OSError."""
        source = self._folders[guid].source
        extended = replace(source, types=source.types | types)
        (self._folder / guid / "source.json").write_text(json.dumps(to_json(extended)))
        self._folders[guid].extend(extended)

    def knows(self, guid: str) -> bool:
        return guid in self._folders

    def path(self, guid: str) -> Path:
        return self._folder / guid

    def write(self, guid: str, stem: str, text: str, stream: str = "OUT") -> None:
        if folder := self._folders.get(guid):
            folder.write(stem, ERR if stream == "ERR" else OUT, text)

    def written(self, guid: str, stem: str = "app") -> int:
        """Bytes ever written to a log."""
        folder = self._folders.get(guid)
        return folder.readers[stem].end() if folder else 0

    def retire(self, guid: str) -> None:
        """Nothing more will be written; the folder goes when routers have it all."""
        if folder := self._folders.get(guid):
            folder.retired_at = folder.retired_at or time.time()

    def retire_all_but(self, known: set[str]) -> None:
        for guid in self._folders.keys() - known:
            self.retire(guid)

    async def run(self) -> None:
        while True:
            self.turn(time.time())
            await asyncio.sleep(self._flush_s)

    def turn(self, now: float) -> None:
        """Begin a post wherever there is something new and the router is not busy or resting."""
        for folder in list(self._folders.values()):
            owners = self._routers.owners(folder.source.source_id)
            behind = [router for router in owners if folder.has_new(router.key)]
            for router in behind:
                key = router.key
                if key not in folder.busy and self._rests[key].is_over(now) and folder.rests[key].is_over(now):
                    folder.busy.add(key)
                    task = asyncio.create_task(self._send_all(folder, router, {owner.key for owner in owners}))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
            if folder.retired_at is not None and ((owners and not behind) or now - folder.retired_at > RETIRED_S):
                del self._folders[folder.source.guid]
                folder.remove()

    async def _send_all(self, folder: LogFolder, router: LogRouter, current: set[str]) -> None:
        try:
            async with self._slots:
                for stem in folder.readers:
                    while await self._send_some(folder, stem, router, current):
                        pass
        finally:
            folder.busy.discard(router.key)

    async def _send_some(self, folder: LogFolder, stem: str, router: LogRouter, current: set[str]) -> bool:
        """One batch; True when it was taken and there may be more."""
        source = folder.source
        data, start = folder.readers[stem].read(folder.position(stem, router.key), BATCH_BYTES)
        if not data:
            return False
        entries = tuple(
            LogEntry(
                source.guid,
                frame.end,
                frame.timestamp,
                frame.stream,
                source.types[stem],
                source.instance_id,
                frame.text,
            )
            for frame in log_reader.parse(data, start)
        )
        if entries and not await self._post(router, folder, LogBatch(source.source_id, entries)):
            return False
        folder.note(stem, router.key, start + len(data), current)
        self.lines_sent += len(entries)
        return True

    async def _post(self, router: LogRouter, folder: LogFolder, batch: LogBatch) -> bool:
        """True when the batch is done with: taken, or such that it never will be."""
        headers = {"Authorization": f"Bearer {folder.source.grant}"}
        try:
            async with self._http.post(
                f"{router.logs}/logs", json=to_json(batch), headers=headers, timeout=POST_TIMEOUT
            ) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.info("router %s takes no logs: %s", router.router, error)
            status = 503
        if status >= 500 or status == 429:
            self._rests[router.key].begin(time.time())
            return False
        self._rests.pop(router.key, None)
        if status in (401, 403):
            # It may not have CC's keys yet; only this source waits.
            folder.rests[router.key].begin(time.time())
            return False
        folder.rests.pop(router.key, None)
        if status >= 400:
            log.error("router %s refused a log batch with %s; it is dropped", router.router, status)
        return True
