"""What the agent reads from its environment, once, at the start; nothing else looks at ``os.environ``."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chalicelib.core import addresses, timers
from chalicelib.core.addresses import Allowed

#: Instances use the first so many uids from ``uid_base`` on, staging those behind them.
INSTANCE_UIDS = 2000

RUNTIMES = ("auto", "docker", "process")


@dataclass(frozen=True, slots=True)
class Config:
    """host: address at which routers reach apps. uid_base: None when the agent is not root (apps share its user).

    http_port: of /healthz, /varz and /metrics on loopback, 0 for a free one. droplet_cache_mb: what may stay
    on disk between starts; image_cache_mb: the same of apps' Docker images. isolation_segment: None takes only work
    that asks for none. is_local: one machine is all there is, so polls are short. allowed_addresses: where buildpacks
    and images may be fetched besides public places. disk_full_percent: of the disk; from there on it takes no work.
    membership: the file of a host that AWS does not run (membership.py); None in the cloud.
    """

    dea_id: str
    host: str
    dir: Path
    runtime: str
    memory_mb: int
    disk_mb: int
    ports: range
    uid_base: int | None
    stack: str
    arch: str
    isolation_segment: str | None
    prefix: str
    account: str
    region: str
    http_port: int
    ready_file: Path | None
    buildpacks_dir: Path
    droplet_cache_mb: int
    image_cache_mb: int
    disk_full_percent: int
    log_level: str
    is_local: bool
    timers: timers.Timers
    allowed_addresses: Allowed
    membership: Path | None = None

    @property
    def staging_uid_base(self) -> int | None:
        return None if self.uid_base is None else self.uid_base + INSTANCE_UIDS


def from_env(env: Mapping[str, str], euid: int | None = None) -> Config:
    """``euid``: for tests; the process's own by default. Raises ValueError, naming the variable that is wrong."""
    profile = timers.from_env(env)
    is_root = (os.geteuid() if euid is None else euid) == 0
    runtime = env.get("ZF_RUNTIME", "auto")
    if runtime not in RUNTIMES:
        raise ValueError(f"ZF_RUNTIME is {runtime!r}; it can be {', '.join(RUNTIMES)}")
    ready = env.get("ZF_READY_FILE")
    default_buildpacks = Path(__file__).parent.parent / "infra" / "stack" / "buildpacks"
    return Config(
        dea_id=_required(env, "ZF_DEA_ID"),
        host=env.get("ZF_HOST", "127.0.0.1"),
        dir=Path(_required(env, "ZF_DEA_DIR")),
        runtime=runtime,
        memory_mb=_number(env, "ZF_DEA_MEMORY_MB", 4096),
        disk_mb=_number(env, "ZF_DEA_DISK_MB", 32768),
        ports=_ports(env.get("ZF_PORT_RANGE", "20000-25999")),
        uid_base=_number(env, "ZF_UID_BASE", 22001) if is_root else None,
        stack=env.get("ZF_STACK", "cflinuxfs4"),
        arch=platform.machine(),
        isolation_segment=env.get("ZF_ISOLATION_SEGMENT") or None,
        prefix=_required(env, "ZF_PREFIX"),
        account=env.get("ZF_ACCOUNT", "123456789012"),
        region=env.get("AWS_DEFAULT_REGION", "us-east-1"),
        http_port=_number(env, "ZF_HTTP_PORT", 0, least=0),
        ready_file=Path(ready) if ready else None,
        buildpacks_dir=Path(env.get("ZF_BUILDPACKS_DIR") or default_buildpacks),
        droplet_cache_mb=_number(env, "ZF_DROPLET_CACHE_MB", 4096),
        image_cache_mb=_number(env, "ZF_IMAGE_CACHE_MB", 10240),
        disk_full_percent=_number(env, "ZF_DISK_FULL_PERCENT", 90, least=10),
        log_level=env.get("ZF_LOG_LEVEL", "INFO").upper(),
        is_local=env.get("ZF_PROFILE") == "local",
        timers=profile,
        allowed_addresses=Allowed.parse(env.get(addresses.VARIABLE, "")),
        membership=Path(env["ZF_MEMBERSHIP"]) if env.get("ZF_MEMBERSHIP") else None,
    )


def _required(env: Mapping[str, str], name: str) -> str:
    if not env.get(name):
        raise ValueError(f"{name} is not set")
    return env[name]


def _number(env: Mapping[str, str], name: str, default: int, least: int = 1) -> int:
    text = env.get(name, str(default))
    if not text.isdecimal() or int(text) < least:
        raise ValueError(f"{name} is {text!r}; it must be a whole number of at least {least}")
    return int(text)


def _ports(text: str) -> range:
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal() and 1024 <= int(first) <= int(last) <= 65535):
        raise ValueError(f"ZF_PORT_RANGE is {text!r}; it must be like 20000-25999, within 1024-65535")
    return range(int(first), int(last) + 1)
