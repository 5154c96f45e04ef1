"""Joining a platform as a host: the token goes to the API, and what comes back is kept in a file of root's.

The agent (dea_agent.membership) reads ``url``, ``id`` and ``secret`` there, and puts a new secret in at every renewal.
"""

import json
import os
import socket
import sys
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from zf.client.errors import BadAnswerError, ConfigError, ZfError
from zf.client.http import Http

#: The file, in the folder of the host.
FILE = "membership.json"

#: AWS refuses what is signed by a clock that is 5 minutes wrong; seconds.
MOST_SKEW_S = 120

#: Variables that would lead the agent to another account, are another component's, or the client's own secrets.
FOREIGN = ("AWS_", "BOTO_", "ZF_READY_FILE", "ZF_PREFIX", "ZF_ACCOUNT", "ZF_DEA_ID", "ZF_DEA_DIR", "ZF_MEMBERSHIP")
FOREIGN += ("ZF_USERNAME", "ZF_PASSWORD", "ZF_NEW_PASSWORD", "ZF_BROKER_PASSWORD", "CF_DOCKER_PASSWORD")

#: What the agent imports beside us.
NEEDED = ("aiohttp", "boto3", "docker", "joserfc", "prometheus_client")


def require_agent() -> None:
    """Raises ZfError where only the client is installed."""
    missing = [name for name in ("dea_agent", *NEEDED) if find_spec(name) is None]
    if missing:
        raise ZfError(
            f"The agent is not installed ({', '.join(missing)} missing)",
            "Install it: pip install 'zerofoundry[agents,client]'",
        )


def require_clock(http: Http, now: float) -> None:
    """That the URL is an API's, and that its clock and ours agree. Raises ZfError; the token has not been shown yet."""
    answer = http.send("GET", "/v3/info", safe=True)
    try:
        skew_s = now - parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return  # who does not say the time cannot be compared with
    if abs(skew_s) > MOST_SKEW_S:
        raise ZfError(
            f"This machine's clock is {abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} the platform's",
            "AWS refuses what such a clock signs. Set it, for example by: timedatectl set-ntp true",
        )


def prepared(folder: Path) -> Path:
    """Where the membership will be; the folder is made. Raises ConfigError, and ZfError where there is one already."""
    path = folder / FILE
    try:
        # Apps run below as users of their own, and must be able to pass.
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        if path.exists():
            raise ZfError(
                f"This machine has joined as {read(folder)['id']} already",
                f"Run it: zf dea run --dir {folder}; to join anew, remove {path}",
            )
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "it cannot be written to")
    except OSError as error:
        raise ConfigError(f"{folder}: {(error.strerror or str(error)).lower()}", "Be root, or give --dir") from None
    return path


def join(http: Http, token: str, path: Path, own: Mapping[str, str]) -> str:
    """Use the token up; returns the host's name. own: variables of this host alone."""
    answer = http.json("POST", "/hosts/join", json={"token": token})
    try:
        env = {str(name): str(value) for name, value in dict(answer["settings"]).items()}
        membership = {"url": http.api, "id": str(answer["id"]), "secret": str(answer["secret"]), "env": env | dict(own)}
    except (KeyError, TypeError, ValueError):
        raise BadAnswerError(
            f"{http.api} did not answer as an API that hosts can join", "Is it of this version?"
        ) from None
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(membership, file)
    return str(membership["id"])


def read(folder: Path) -> dict[str, Any]:
    """The membership. Raises ConfigError."""
    path = folder / FILE
    try:
        kept = json.loads(path.read_text())
        return {"url": kept["url"], "id": kept["id"], "env": dict(kept["env"])}
    except FileNotFoundError:
        raise ConfigError(f"This machine has joined no platform: there is no {path}", "zf dea join URL TOKEN") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", "Be root; or revoke the host, and join anew") from None


def environment(folder: Path, env: Mapping[str, str]) -> dict[str, str]:
    """The agent's: env is the caller's, of which variables of the agent pass."""
    kept = read(folder)
    return {
        **{name: value for name, value in env.items() if not name.startswith(FOREIGN)},
        **{name: str(value) for name, value in kept["env"].items()},
        **{name: value for name, value in env.items() if name in ("ZF_LOG_LEVEL", "ZF_READY_FILE", "ZF_HTTP_PORT")},
        "ZF_DEA_ID": kept["id"],
        "ZF_DEA_DIR": str(folder / "data"),
        "ZF_MEMBERSHIP": str(folder / FILE),
        # Whoever's else credentials there are on this machine, they are not for this.
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def become_agent(folder: Path) -> None:
    """Does not come back."""
    env = environment(folder, os.environ)
    sys.stdout.flush()
    os.chdir(folder)
    os.execve(sys.executable, [sys.executable, "-P", "-m", "dea_agent"], env)


def address_towards(url: str) -> str:
    """This machine's address on the way to the API. Raises ZfError."""
    parts = urlsplit(url)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((parts.hostname or "", parts.port or 443))  # sends nothing
            return str(probe.getsockname()[0])
    except OSError as error:
        raise ZfError(f"This machine's address cannot be found out: {error}", "Give it: --host ADDRESS") from None
