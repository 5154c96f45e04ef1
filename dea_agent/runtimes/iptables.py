"""The host's packet filter, through its own programs. Only root may change it."""

import os
import shutil
import subprocess

SECONDS_FOR_LOCK = "5"


class FirewallError(Exception):
    """The rules cannot be written, or do not stand. The text is for people."""


def change(verb: str, *rule: str) -> str | None:
    """One rule (``-I``, ``-D``, ``-C``), or a chain. What is wrong; None when it went well."""
    try:
        _run("iptables", "-w", SECONDS_FOR_LOCK, verb, *rule)
    except FirewallError as problem:
        return str(problem)
    return None


def restore(text: str) -> None:
    """All of ``text``, as iptables-restore reads it, in one step; chains that it does not name stay as they are."""
    _run("iptables-restore", "--wait", SECONDS_FOR_LOCK, "--noflush", text=text)


def chains() -> list[str]:
    """Names of those that are not the kernel's own."""
    words = [line.split() for line in _run("iptables", "-w", SECONDS_FOR_LOCK, "-S").splitlines()]
    return [line[1] for line in words if line[0] == "-N"]


def _run(name: str, *words: str, text: str | None = None) -> str:
    program = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if not program:
        raise FirewallError(f"{name} is not installed")
    done = subprocess.run([program, *words], input=text or "", capture_output=True, text=True, check=False)
    if done.returncode:
        raise FirewallError(done.stderr.strip() or "no reason given")
    return done.stdout
