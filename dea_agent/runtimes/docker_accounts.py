"""Who an app is in its container, and where it lives."""

from pathlib import Path

from docker.types import Mount

#: What the app sees, whatever the host calls it.
ROOT = Path("/home/vcap")

#: Files by which programs look up the user that they run as (Java takes its user.home from there).
ACCOUNTS = ("passwd", "group")


def write_accounts(control: Path, uid: int) -> None:
    """Every app calls itself vcap, whatever its number is."""
    users = ("root:x:0:0:root:/root:/bin/bash", "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin")
    groups = ("root:x:0:", "nogroup:x:65534:")
    texts = ((*users, f"vcap:x:{uid}:{uid}:vcap:{ROOT}:/bin/bash"), (*groups, f"vcap:x:{uid}:"))
    for name, lines in zip(ACCOUNTS, texts, strict=True):
        (control / name).write_text("\n".join(lines) + "\n")
        (control / name).chmod(0o644)


def account_mounts(control: Path) -> list[Mount]:
    """What :func:`write_accounts` has written, where programs look for it."""
    return [Mount(f"/etc/{name}", str(control / name), type="bind", read_only=True) for name in ACCOUNTS]
