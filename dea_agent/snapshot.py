"""The agent's memory on disk: written by rename soon after each change, read once at boot.

It holds route and log grants (they name the only thing they are good for) and no other secret; mode 0600.
"""

import asyncio
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chalicelib.contracts.codec import DecodeError, from_json, to_json
from dea_agent.log_routers import RouterTable
from dea_agent.ports import Ports
from dea_agent.registry import Build, Instance, Registry

log = logging.getLogger(__name__)

#: Changes within this time, seconds, are written together.
COALESCE_S = 0.02


class Snapshot:
    """``state`` gives what to write, a JSON object; it is asked at the time of writing."""

    def __init__(self, path: Path, state: Callable[[], dict[str, Any]]) -> None:
        self._path, self._state = path, state
        self._due: asyncio.TimerHandle | None = None

    def changed(self) -> None:
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(COALESCE_S, self.write)

    def write(self) -> None:
        """Now. A disk that is full costs the memory of this change, not the agent."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        new = self._path.with_suffix(".new")
        try:
            fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(fd, "w") as file:
                json.dump(self._state(), file)
            os.rename(new, self._path)
        except OSError as error:
            log.error("the snapshot could not be written: %s", error)


def load(path: Path) -> dict[str, Any]:
    """What was written last; an empty object when there is nothing that can be read."""
    try:
        data = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.error("the snapshot cannot be read: %s", error)
        return {}
    return data if isinstance(data, dict) else {}


def save_state(inboxes: list[str], registry: Registry, ports: Ports, routers: RouterTable) -> dict[str, Any]:
    """``inboxes``: boots whose queue has not been removed."""
    return {
        "inboxes": inboxes,
        "draining": registry.draining,
        "cordoned": registry.cordoned,
        "instances": to_json(list(registry.instances.values())),
        "builds": to_json(list(registry.builds.values())),
        "seen": list(registry.seen),
        "stopped_guids": list(registry.stopped_guids),
        "stopped_versions": registry.stopped_versions,
        "resting_ports": {str(port): until for port, until in ports.resting.items()},
        "routers": to_json(routers.known()),
    }


def restore_state(data: dict[str, Any], registry: Registry, ports: Ports, routers: RouterTable) -> list[Build]:
    """Fill the three from a snapshot; returns the builds that were under way. What does not fit is left out."""
    registry.draining, registry.cordoned = bool(data.get("draining")), bool(data.get("cordoned"))
    for item in data.get("instances", ()):
        try:
            instance = from_json(Instance, item)
        except DecodeError as error:
            log.error("an instance in the snapshot cannot be read: %s", error)
            continue
        registry.instances[instance.instance_guid] = instance
    registry.seen = dict.fromkeys(data.get("seen", ()))
    registry.stopped_guids = dict.fromkeys(data.get("stopped_guids", ()))
    registry.stopped_versions = dict(data.get("stopped_versions", {}))
    ports.resting = {int(port): float(until) for port, until in data.get("resting_ports", {}).items()}
    routers.restore(data.get("routers", ()))
    return [from_json(Build, item) for item in data.get("builds", ())]
