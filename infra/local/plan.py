"""What a cloud consists of: the components, their commands and their environments, from options and the machine.

Pure: ports, passwords and the machine's size come as arguments.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.account import ACCOUNT, CREDENTIALS

PREFIX = "zf"

#: Shares of the machine that all DEAs together may promise to apps.
MEMORY_SHARE, DISK_SHARE = 0.8, 0.8

#: Ports of apps, and of our own components, which must be known before they run; both below the system's own.
APP_PORTS = range(20000, 32001)
OWN_PORTS = range(10000, 20000)

#: Users of apps and of staging: so many per DEA from the first on.
FIRST_UID, UIDS_PER_DEA = 22001, 4000

#: Of DEAs, unless the caller says otherwise: a laptop that is nine tenths full still has room for what is tried out.
DEA_DEFAULTS = {"ZF_DISK_FULL_PERCENT": "97"}

#: Variables of the caller's that would lead the SDK to a real account, or are for one component alone.
FOREIGN = ("AWS_", "BOTO_", "ZF_CLOUD", "ZF_HTTP_PORT", "ZF_READY_FILE", "ZF_WEATHER_SEED")


@dataclass(frozen=True, slots=True)
class Options:
    """``zf local up``'s. port 0 has been replaced by a free one. certificates: the folder of the routers' certificates,
    which makes the port one for https; empty for plain HTTP."""

    port: int
    deas: int
    routers: int
    runtime: str
    domain: str
    weather_seed: str = ""
    certificates: str = ""

    @property
    def scheme(self) -> str:
        return "https" if self.certificates else "http"


@dataclass(frozen=True, slots=True)
class Machine:
    """memory_mb, disk_mb: all there is of the one, what is free of the other. ports: free ones, for our own use."""

    memory_mb: int
    disk_mb: int
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Component:
    """One process. args: module and arguments. listen: a port that is opened for it before it starts (it inherits
    ``ZF_LISTEN_FD``), so that who needs it can start at the same time and waits in line. restarts: whether it is
    started again when it ends by itself."""

    name: str
    args: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    listen: int | None = None
    restarts: bool = True


def ports_needed(options: Options) -> int:
    """Own ports: AWS, the API, and every router but the first, which has the user's port; with https every router has
    one more, for plain HTTP."""
    return 2 + options.routers - 1 + (options.routers if options.certificates else 0)


def common_env(options: Options, machine: Machine, marker: str, callers: Mapping[str, str]) -> dict[str, str]:
    """Every component's. The caller's variables pass (package registries, timers, proxies), foreign accounts do not."""
    name, _, value = marker.partition("=")
    kept = {key: text for key, text in callers.items() if not key.startswith(FOREIGN)}
    local = "127.0.0.1,localhost"
    without_proxy = ",".join(filter(None, [kept.get("NO_PROXY") or kept.get("no_proxy"), local]))
    return kept | {
        name: value,
        "ZF_PROFILE": "local",
        "ZF_PREFIX": PREFIX,
        "ZF_ACCOUNT": ACCOUNT,
        "ZF_DOMAIN": options.domain,
        "ZF_EXTERNAL_PORT": str(options.port),
        "ZF_EXTERNAL_SCHEME": options.scheme,
        "ZF_HOST": "127.0.0.1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{machine.ports[0]}",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "NO_PROXY": without_proxy,
        "no_proxy": without_proxy,
        **CREDENTIALS,
    }


def components(
    options: Options, machine: Machine, run: Path, admin_password: str, env: Mapping[str, str]
) -> list[Component]:
    """All of them, in the order in which they should get the processor: who is waited for longest comes first."""
    aws_port, api_port, *_ = machine.ports
    api = f"http://127.0.0.1:{api_port}"
    weather = {"ZF_WEATHER_SEED": options.weather_seed} if options.weather_seed else {}
    made = [
        Component("aws", ("infra.local.aws",), {**env, **weather}, listen=aws_port, restarts=False),
        Component(
            "cc-api",
            ("infra.local.api",),
            {
                **env,
                "ZF_API_LISTEN": f"127.0.0.1:{api_port}",
                "ZF_ADMIN_PASSWORD": admin_password,
                "ZF_DEA_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-dea-joined",
            },
        ),
    ]
    for i in range(options.deas):
        made.append(
            Component(f"dea-{i}", ("dea_agent",), {**DEA_DEFAULTS, **env, **_dea_env(options, machine, run, i)})
        )
    for i, listen in enumerate(listeners(options, machine)):
        own = {
            **env,
            "ZF_ROUTER_ID": f"router-{i}",
            "ZF_ROUTER_DIR": str(run / f"router-{i}"),
            **_listening(options, machine, i, listen),
            "ZF_API_UPSTREAM": api,
            "ZF_UPLOADER_SOCKET": str(run / f"uploader-{i}.sock"),
        }
        made.append(Component(f"router-{i}", ("router",), own))
        made.append(Component(f"uploader-{i}", ("router.uploader",), own))
    made.append(Component("hm", ("infra.local.functions", "hm"), env))
    made.append(Component("cc", ("infra.local.functions", "cc"), env))
    return made


def listeners(options: Options, machine: Machine) -> list[str]:
    """Where each router listens: the first on the user's port."""
    return [f"127.0.0.1:{port}" for port in (options.port, *machine.ports[2 : 1 + options.routers])]


def _listening(options: Options, machine: Machine, i: int, listen: str) -> dict[str, str]:
    if not options.certificates:
        return {"ZF_LISTEN": listen}
    plain = machine.ports[1 + options.routers + i]
    return {
        "ZF_LISTEN": f"127.0.0.1:{plain}",
        "ZF_TLS_LISTEN": listen,
        "ZF_CERTIFICATES": options.certificates,
    }


def _dea_env(options: Options, machine: Machine, run: Path, i: int) -> dict[str, str]:
    share = len(APP_PORTS) // options.deas
    first = APP_PORTS.start + i * share
    return {
        "ZF_DEA_ID": f"dea-{i}",
        "ZF_DEA_DIR": str(run / f"dea-{i}"),
        "ZF_RUNTIME": options.runtime,
        "ZF_DEA_MEMORY_MB": str(int(machine.memory_mb * MEMORY_SHARE / options.deas)),
        "ZF_DEA_DISK_MB": str(int(machine.disk_mb * DISK_SHARE / options.deas)),
        "ZF_PORT_RANGE": f"{first}-{first + share - 1}",
        "ZF_UID_BASE": str(FIRST_UID + i * UIDS_PER_DEA),
    }
