"""``zf local``: a cloud on this machine. Starts the supervisor, shows its progress, and ends it."""

import contextlib
import datetime
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from infra.local import authority, folders, machine, processes, supervisor, teardown
from infra.local.control import Control, NoSupervisor
from infra.local.folders import Folders
from infra.local.plan import Options
from infra.local.processes import Process
from zf.client.errors import ZfError
from zf.command import Invocation, command

#: How long a cloud may take to come up and to go down, seconds. Both take a few on an idle machine.
UP_S, DOWN_S = 120, 60

LOOK_S = 0.05

ORG, SPACE = "local", "dev"

#: What is taken where nothing is said, without and with --tls. Many clients believe no certificate for *.localhost:
#: a star needs two names behind it.
PORTS, DOMAINS = (8080, 8443), ("localhost", "zf.localhost")

DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def local() -> None:
    """Start, look at and stop a cloud on this machine."""


def domain_name(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Raises BadParameter for what no host can be called."""
    if value is None:
        return None
    if not DOMAIN.fullmatch(value) or len(value) > 200:
        raise click.BadParameter(f"'{value}' is not a domain name")
    return value


@command("up", "zf local up", "zf local up --detach --port 0 --deas 3")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes a free one.  [default: 8080, 8443 with --tls]")
@click.option("--deas", type=click.IntRange(1, 12), default=2, show_default=True, help="Hosts for apps.")
@click.option("--routers", type=click.IntRange(1, 8), default=1, show_default=True, help="The first has the port.")
@click.option("--runtime", type=click.Choice(["auto", "docker", "process"]), default="auto", show_default=True)
@click.option(
    "--domain", callback=domain_name, help="Apps are NAME.DOMAIN.  [default: localhost, zf.localhost with --tls]"
)
@click.option("--tls", is_flag=True, help="Speak https, by certificates of the cloud's own.")
@click.option("--weather-seed", default="", envvar="ZF_WEATHER_SEED", help="AWS's bad weather, by this seed.")
@click.option("--detach", is_flag=True, help="Return when it is ready instead of staying until Ctrl-C.")
def up(invocation: Invocation, detach: bool, tls: bool, port: int | None, domain: str | None, **options: Any) -> None:
    """Start a cloud, log in as admin and target org local, space dev."""
    where = folders_of(invocation)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    domain = domain or DOMAINS[tls]
    if tls and "." not in domain:
        raise ZfError(
            f"Many clients believe no certificate for *.{domain}", f"Take a domain of two names: --domain zf.{domain}"
        )
    wanted = Options(port=PORTS[tls] if port is None else port, domain=domain, **options)
    process = launch(where, wanted, tls)
    try:
        said = follow(invocation, where, process)
        log_in(invocation, said)
    except BaseException:
        # A cloud that did not come up leaves nothing behind.
        take_down(where)
        raise
    invocation.console.result(said)
    show(invocation, said)
    if not detach:
        stay(invocation, where, process)


@command("status", "zf local status", "zf local status --json")
def status(invocation: Invocation) -> None:
    """Show what runs where."""
    where = folders_of(invocation)
    kept = folders.load(where)
    if kept is None:
        raise ZfError(f"No cloud runs for {where.home}", "Start one: zf local up")
    try:
        said = Control(kept.control).status()
    except NoSupervisor:
        raise ZfError("The cloud's supervisor has died; nothing is restarted", "Clean up: zf local down") from None
    invocation.console.result(said)
    show(invocation, said)


@command("down", "zf local down")
def down(invocation: Invocation) -> None:
    """Stop the cloud and remove all of it; the login stays."""
    where = folders_of(invocation)
    if not where.cloud.exists() and not where.run.exists():
        invocation.console.say(f"No cloud runs for {where.home}.")
        invocation.console.result({"stopped": False})
        return
    began = time.monotonic()
    take_down(where)
    invocation.console.say(f"The cloud is down ({time.monotonic() - began:.1f} s).")
    invocation.console.result({"stopped": True})


for part in (up, status, down):
    local.add_command(part)


def folders_of(invocation: Invocation) -> Folders:
    return folders.folders(invocation.home, os.environ, os.geteuid() == 0)


def launch(where: Folders, options: Options, tls: bool) -> subprocess.Popen[bytes]:
    """Start the supervisor in a session of its own; with ``tls`` routers have certificates.

    Raises ZfError when there is a cloud, or the port is taken.
    """
    lock = claim(where)
    if folders.remembered(where):
        # A dead cloud's remains.
        os.close(lock)
        take_down(where)
        lock = claim(where)
    try:
        chosen = replace(options, port=options.port or machine.free_ports(1)[0])
        check_port(chosen.port)
        if tls:
            served = authority.make(where.tls, chosen.domain, datetime.datetime.now(datetime.UTC))
            chosen = replace(chosen, certificates=str(served))
        with open(where.logs / "supervisor.log", "ab") as log:
            return subprocess.Popen(
                supervisor.arguments(where.home, chosen, lock),
                cwd=where.run,
                env={**os.environ, **dict([where.marker.split("=", 1)])},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock],
                start_new_session=True,
            )
    except BaseException:
        where.remove()
        raise
    finally:
        os.close(lock)


def claim(where: Folders) -> int:
    """The home's lock. Raises ZfError, naming the cloud that has it."""
    lock, kept, aws = folders.claim(where), folders.load(where), folders.remembered(where).get("aws")
    if lock is not None and not (aws and aws.is_alive()):
        return lock
    if lock is not None:
        os.close(lock)
        raise ZfError(f"A cloud of {where.home} runs already, without a supervisor", "Stop it: zf local down")
    what = f"process {kept.supervisor[0]}, port {kept.port}" if kept else "it is just starting or stopping"
    raise ZfError(
        f"A cloud of {where.home} runs already ({what})", "Look at it: zf local status. Stop it: zf local down"
    )


def check_port(port: int) -> None:
    """Raises ZfError, naming who has it, when the port is taken."""
    if not machine.is_free(port):
        holder = machine.holder(port)
        raise ZfError(
            f"Port {port} is in use{f' by {holder}' if holder else ''}",
            "Choose another: zf local up --port 8081, or --port 0 for any free one",
        )


def follow(invocation: Invocation, where: Folders, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Print each component as it becomes ready; returns the status of the ready cloud. Raises ZfError."""
    began, shown = time.monotonic(), set[str]()
    said: dict[str, Any] = {"state": "starting", "components": []}
    while time.monotonic() - began < UP_S:
        if process.poll() is not None:
            raise ZfError("The supervisor has ended", log=last_lines(where.logs / "supervisor.log"))
        time.sleep(LOOK_S)
        kept = folders.load(where)
        if kept is None:
            continue  # not yet
        with contextlib.suppress(NoSupervisor):
            said = Control(kept.control).status()
        for component in said["components"]:
            if component["state"] == "running" and component["name"] not in shown:
                shown.add(component["name"])
                invocation.console.say(f"{time.monotonic() - began:5.1f} s  {component['name']}", "dim")
        if said["state"] == "ready":
            return said
        if said["state"] in ("failed", "lost"):
            raise ZfError(f"The cloud did not come up: {said['error'] or 'AWS has ended'}")
    missing = [component["name"] for component in said["components"] if component["state"] != "running"]
    raise ZfError(f"The cloud did not become ready in {UP_S} s", f"Not ready: {', '.join(missing) or 'the whole'}")


def log_in(invocation: Invocation, said: dict[str, Any]) -> None:
    """As admin, with the org and the space that every local cloud has."""
    from zf.client import login

    config = login.log_in(invocation.home, said["api_url"], said["admin_user"], said["admin_password"])
    invocation.config = config
    org = invocation.api.org(ORG)
    invocation.update(org=org, space=invocation.api.space(org, SPACE))


def show(invocation: Invocation, said: dict[str, Any]) -> None:
    console = invocation.console
    console.table(
        ["component", "state", "[pid]", "http"],
        [[c["name"], c["state"], str(c["pid"] or "-"), c["http"] or "-"] for c in said["components"]],
    )
    console.say()
    console.say(f"state     {said['state']}" + (f" after {said['ready_after_s']} s" if said["ready_after_s"] else ""))
    console.say(f"API       {said['api_url']}  (user {said['admin_user']}, password: zf local status --json)")
    scheme = said["api_url"].partition(":")[0]
    console.say(f"apps      {scheme}://NAME.{said['apps_domain']}:{said['port']}")
    if said["ca_file"]:
        console.say(f"TLS       zf trusts {said['ca_file']}; so do: curl --cacert FILE, SSL_CERT_FILE=FILE cf")
    console.say(f"logs      {said['logs_folder']}")


def stay(invocation: Invocation, where: Folders, process: subprocess.Popen[bytes]) -> None:
    """Until Ctrl-C, or until somebody else stops the cloud. Raises ZfError when the supervisor dies."""
    try:
        # Inside, because who reads this line may press Ctrl-C before we have returned from writing it.
        invocation.console.say("Ctrl-C stops it.")
        status = process.wait()
    except KeyboardInterrupt:
        invocation.console.say("Stopping.")
        take_down(where)
        return
    if status != 0:
        raise ZfError("The cloud's supervisor has died; nothing is restarted", "Clean up: zf local down")
    invocation.console.say("The cloud was stopped.")


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def take_down(where: Folders) -> None:
    """By the supervisor; without one, or when it does not manage, by ourselves."""
    kept = folders.load(where)
    watcher = [Process(*kept.supervisor)] if kept else []
    with uninterrupted():
        if kept:
            try:
                Control(kept.control).down()
                processes.wait_for(watcher, DOWN_S)
            except NoSupervisor:
                pass
        if where.cloud.exists() or where.run.exists():
            processes.end(watcher, 0)
            teardown.ask_agents(folders.addresses(where))
            teardown.end_processes(folders.remembered(where), where, [])
            teardown.remove_rest(where)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """An impatient second Ctrl-C leaves no half of a cloud."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def last_lines(path: Path, count: int = 5) -> list[str]:
    return path.read_text(errors="replace").splitlines()[-count:] if path.exists() else []
