"""`zf dea`: this machine as a host of a platform whose other hosts are AWS's."""

import sys
import time
from pathlib import Path

import click

from zf.client.errors import UsageError
from zf.command import Invocation, command
from zf.commands.common import megabytes

FOLDER = Path("/var/lib/zf-dea")

#: Instead of a token, which the command line shows to all users of the machine.
FROM_INPUT = "-"

#: Of the machine's memory and free disk, what apps get unless it is said.
SHARE = 0.8

folder_option = click.option(
    "--dir",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    default=FOLDER,
    show_default=True,
    help="Where the host keeps its membership, and apps.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def dea() -> None:
    """Make this machine a host of a platform, wherever it stands."""


@command(
    "join",
    "zf dea join https://api.apps.example.com zfjoin.lab-1.Zr3...",
    "zf dea join https://api.apps.example.com - --host 10.20.0.7 --memory 24G",
)
@click.argument("url")
@click.argument("token")
@folder_option
@click.option("--host", metavar="ADDRESS", help="By which routers reach this machine; else the one towards the API.")
@click.option("--ports", metavar="FIRST-LAST", default="20000-25999", show_default=True, help="Of apps, for routers.")
@click.option("--memory", metavar="SIZE", help="For apps, such as 24G; else 80 % of the machine's.")
@click.option("--disk", metavar="SIZE", help="For apps, such as 100G; else 80 % of what is free.")
@click.option(
    "--runtime",
    type=click.Choice(["auto", "docker", "process"]),
    default="auto",
    show_default=True,
    help="What contains apps; auto: Docker where it answers.",
)
@click.option("--no-run", is_flag=True, help="Join, and leave the start to you: zf dea run.")
def join(
    it: Invocation,
    url: str,
    token: str,
    folder: Path,
    host: str | None,
    ports: str,
    memory: str | None,
    disk: str | None,
    runtime: str,
    no_run: bool,
) -> None:
    """Use an invitation (zf admin invite), then run the agent here until a signal ends it.

    TOKEN may be - for a line on standard input. It is good once. AWS credentials come from the API, last half an hour
    and are renewed by the agent.
    """
    from zf.client import joining
    from zf.client.http import Http, api_url

    joining.require_agent()
    folder = folder.absolute()
    path = joining.prepared(folder)
    if token == FROM_INPUT:
        token = sys.stdin.readline().strip()
    if not token.startswith("zfjoin."):
        raise UsageError("This is not a join token; they begin with zfjoin.", "Have one made: zf admin invite NAME")
    address = api_url(url)
    own = {
        "ZF_HOST": host or joining.address_towards(address),
        "ZF_PORT_RANGE": ports,
        "ZF_RUNTIME": runtime,
        **_sizes(folder, memory, disk),
    }
    http = Http(address)
    joining.require_clock(http, time.time())
    name = joining.join(http, token, path, own)
    http.close()
    it.console.say(f"This machine has joined {address} as {name}.")
    it.console.say(f"Routers reach its apps at {own['ZF_HOST']}, ports {ports}.")
    it.console.result({"id": name, "api": address, "host": own["ZF_HOST"], "ports": ports, "folder": str(folder)})
    if no_run:
        it.console.say(f"Run it: zf dea run{'' if folder == FOLDER else f' --dir {folder}'}")
    else:
        joining.become_agent(folder)


@command("run", "zf dea run", "zf dea run --dir /srv/zf-dea")
@folder_option
def run(it: Invocation, folder: Path) -> None:
    """Run the agent of a machine that has joined, until a signal ends it. Its apps outlive it."""
    from zf.client import joining

    joining.require_agent()
    folder = folder.absolute()
    kept = joining.read(folder)
    it.console.result({"id": kept["id"], "api": kept["url"], "folder": str(folder)})
    joining.become_agent(folder)


for part in (join, run):
    dea.add_command(part)


def _sizes(folder: Path, memory: str | None, disk: str | None) -> dict[str, str]:
    from infra.local import machine

    found = machine.look(folder, 0)
    memory_mb = megabytes("--memory", memory) if memory else int(found.memory_mb * SHARE)
    disk_mb = megabytes("--disk", disk) if disk else int(found.disk_mb * SHARE)
    return {"ZF_DEA_MEMORY_MB": str(memory_mb), "ZF_DEA_DISK_MB": str(disk_mb)}
