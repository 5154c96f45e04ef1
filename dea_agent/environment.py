"""The environment of an app as Cloud Foundry gives it, built from nothing: what the agent has never reaches an app."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from chalicelib.contracts.routing import OpenPort
from chalicelib.contracts.runspec import RunSpec
from chalicelib.core.routing import APP_PORT
from dea_agent.registry import Instance

#: The system's own, never the caller's: a shim of somebody's home is no program for another user.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class SpecError(Exception):
    """The run specification does not make sense. The text holds no value of it."""


def build(
    instance: Instance,
    spec: RunSpec,
    host: str,
    root: Path | None,
    inner_port: Callable[[int, int], int],
    started_at: float,
) -> dict[str, str]:
    """The complete environment. User's variables replace the system's, but not what the platform tells the app.

    root: the instance's folder as the app sees it; None for a Docker image, which has its own. inner_port: what the app
    listens on, of a port that destinations name and where others reach it (Runtime.inner_port). A task has neither a
    port nor an index. Raises SpecError.
    """
    ports = instance.ports or (OpenPort(APP_PORT, instance.port),)
    listening = {port: inner_port(port.internal, port.external) for port in ports}
    ours = {"LANG": "C.UTF-8", "PATH": SYSTEM_PATH, "USER": "vcap"}
    places = {"HOME": str(root / "app"), "TMPDIR": str(root / "tmp"), "DEPS_DIR": str(root / "deps")} if root else {}
    return {
        **(ours if root else {}),
        **{name: value for name, value in spec.env.items() if _is_usable(name, value)},
        **places,
        "MEMORY_LIMIT": f"{instance.limits.memory_mb}m",
        "VCAP_APPLICATION": _vcap_application(instance, spec, listening[ports[0]], started_at),
        "VCAP_SERVICES": spec.vcap_services,
        "CF_INSTANCE_GUID": instance.instance_guid,
        "CF_INSTANCE_IP": host,
        "CF_INSTANCE_INTERNAL_IP": host,
        **({} if instance.is_task else _reachable(instance, host, listening)),
    }


def _reachable(instance: Instance, host: str, listening: Mapping[OpenPort, int]) -> dict[str, str]:
    """``listening``: for each port, ``$PORT`` first, the number that the app must listen on."""
    first = str(next(iter(listening.values())))
    return {
        "PORT": first,
        **{f"PORT_{port.internal}": str(inner) for port, inner in listening.items()},
        "VCAP_APP_HOST": "0.0.0.0",
        "VCAP_APP_PORT": first,
        "CF_INSTANCE_INDEX": str(instance.index),
        "CF_INSTANCE_PORT": str(instance.port),
        "CF_INSTANCE_ADDR": f"{host}:{instance.port}",
        "CF_INSTANCE_PORTS": json.dumps(
            [{"external": port.external, "internal": inner} for port, inner in listening.items()]
        ),
    }


def _is_usable(name: str, value: str) -> bool:
    """What a process's environment can hold at all."""
    return bool(name) and "=" not in name and "\0" not in name and "\0" not in value


def _vcap_application(instance: Instance, spec: RunSpec, inner_port: int, started_at: float) -> str:
    try:
        application = json.loads(spec.vcap_application)
    except ValueError:
        raise SpecError("VCAP_APPLICATION is not JSON") from None
    if not isinstance(application, dict):
        raise SpecError("VCAP_APPLICATION is not an object")
    started = datetime.fromtimestamp(started_at, UTC).strftime("%Y-%m-%d %H:%M:%S +0000")
    if not instance.is_task:
        application |= {"instance_index": instance.index, "host": "0.0.0.0", "port": inner_port}
    application |= {
        "instance_id": instance.instance_guid,
        "instance_guid": instance.instance_guid,
        "started_at": started,
        "started_at_timestamp": int(started_at),
        "start": started,
        "state_timestamp": int(started_at),
    }
    return json.dumps(application)
