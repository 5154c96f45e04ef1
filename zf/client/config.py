"""`$ZF_HOME/config.json`: which API, who is logged in, which org and space. Mode 0600, replaced atomically."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from zf.client.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Named:
    """An org or a space."""

    guid: str
    name: str


@dataclass(frozen=True, slots=True)
class Config:
    """api, login_url, log_cache_url: absolute URLs without a slash at the end, or empty. Tokens stay out of repr."""

    api: str = ""
    login_url: str = ""
    log_cache_url: str = ""
    user: str = ""
    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    org: Named | None = None
    space: Named | None = None

    def logged_out(self) -> "Config":
        return replace(self, user="", access_token="", refresh_token="", org=None, space=None)


def home(env: Mapping[str, str]) -> Path:
    """The folder of everything `zf` keeps for a user; also where a local cloud keeps its state."""
    return Path(env.get("ZF_HOME") or Path.home() / ".zf").expanduser().absolute()


def local_authority(folder: Path) -> Path:
    """The certificate of the authority of this home's local cloud, while that is one with https."""
    return folder / "cloud" / "tls" / "ca.pem"


def load(folder: Path) -> Config:
    """An empty Config when there is no file yet. Raises ConfigError when the file cannot be understood."""
    path = folder / "config.json"
    try:
        raw: Any = json.loads(path.read_text())
        org, space = (Named(**raw[key]) if raw.get(key) else None for key in ("org", "space"))
        texts = {key: str(raw.get(key, "")) for key in Config.__slots__ if key not in ("org", "space")}
        return Config(**texts, org=org, space=space)
    except FileNotFoundError:
        return Config()
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}", "Check its owner and mode (0600)") from None
    except (ValueError, TypeError, AttributeError):
        raise ConfigError(f"{path} is damaged", f"Remove it and log in again: rm {path}") from None


def save(folder: Path, config: Config) -> None:
    """Raises ConfigError when the folder cannot be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix=".config.")  # mkstemp gives mode 0600
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(asdict(config), file, indent=2)
            os.replace(name, folder / "config.json")
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise ConfigError(f"Cannot write to {folder}: {error.strerror}", "Set ZF_HOME to a folder of yours") from None
