"""The route table on disk: a snapshot and a journal of what changed it since.

A change is in the journal before Envoy hears of it, so what Envoy holds is never more than what a restarted agent
knows. Written without fsync: it guards against the death of the agent, not of the host, whose Envoy dies with it.
"""

import json
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import cast

from chalicelib.contracts.codec import DecodeError, from_json, to_json
from chalicelib.contracts.routing import Register, Unregister
from router.route_table import RouteTable, apply

log = logging.getLogger(__name__)

#: The journal is folded into the snapshot when it is larger.
MAX_JOURNAL_BYTES = 8 * 1024 * 1024


class TableStore:
    """``load()`` first; then ``append`` for each change and ``save`` where the journal cannot say what happened."""

    def __init__(self, folder: Path) -> None:
        self._snapshot, self._journal = folder / "table.json", folder / "journal.jsonl"
        self._size = 0

    def load(self, now: float) -> RouteTable | None:
        """The table as last known, everything in it counted as heard at ``now``; None when there is none to trust."""
        try:
            table = from_json(RouteTable, json.loads(self._snapshot.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, DecodeError) as error:
            log.error("the route table on disk cannot be read: %s", error)
            return None
        # The clock of a former life means nothing now.
        table = RouteTable(
            {name: replace(dea, heard=now, gone=dict.fromkeys(dea.gone, now)) for name, dea in table.deas.items()}
        )
        for line in self._lines():
            try:
                data = json.loads(line)
                kind = Register if data["kind"] == "register" else Unregister
                message = cast("Register | Unregister", from_json(kind, data["message"]))
                table, _ = apply(table, message, data["sent_at"], now)
            except (ValueError, KeyError, TypeError) as error:
                # The last line may be half written; what it said is said again by its DEA.
                log.warning("dropped a line of the route journal: %s", error)
        return table

    def _lines(self) -> list[str]:
        try:
            return self._journal.read_text().splitlines()
        except FileNotFoundError:
            return []

    def append(self, message: Register | Unregister, sent_at: float, table: RouteTable) -> None:
        """Keep an admitted message that led to ``table``."""
        kind = "register" if isinstance(message, Register) else "unregister"
        line = json.dumps({"kind": kind, "sent_at": sent_at, "message": to_json(message)}, separators=(",", ":"))
        with self._journal.open("a") as file:
            self._size += file.write(line + "\n")
        if self._size > MAX_JOURNAL_BYTES:
            self.save(table)

    def save(self, table: RouteTable) -> None:
        """Make the snapshot anew and empty the journal."""
        scratch = self._snapshot.with_suffix(".new")
        scratch.write_text(json.dumps(to_json(table), separators=(",", ":")))
        os.replace(scratch, self._snapshot)
        # A journal that survives this point is applied once more, which changes nothing.
        self._journal.unlink(missing_ok=True)
        self._size = 0
