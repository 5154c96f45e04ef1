"""`zf admin`: what an operator looks at and does to the platform itself."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from zf import VERSION
from zf.client.errors import NotFoundError, ZfError
from zf.client.waiting import looks
from zf.command import Invocation, command
from zf.commands.common import confirm, force, listed, working
from zf.commands.invitations import PARTS as INVITATIONS
from zf.text import epoch_ns, megabytes, since

if TYPE_CHECKING:
    from zf.client.hosts import Component, Host

#: How long components have to announce themselves, and an emptied host to be empty, seconds.
ANSWER_S, DRAIN_S = 3, 900

#: The queues of the platform's functions.
QUEUES = ("cc", "jobs", "hm", "beats")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def admin() -> None:
    """Look after the platform: hosts, components, versions, dead letters, keys.

    For administrators (scope cloud_controller.admin). All of it with --json, too.
    """


@command("hosts", "zf admin hosts", "zf admin hosts --json")
def hosts(it: Invocation) -> None:
    """List the hosts of apps (DEAs): their state, what they hold, when they were last heard."""
    found = it.hosts.hosts()
    it.console.result([asdict(host) for host in found])
    rows = [
        [
            host.id,
            host.state.lower(),
            str(host.instances),
            str(host.builds),
            str(host.tasks),
            f"{megabytes(host.reserved_memory_mb)} of {megabytes(host.memory_mb)}",
            since(host.seen_at),
            host.problem,
        ]
        for host in found
    ]
    columns = ["host", "state", "[instances]", "[builds]", "[tasks]", "[memory]", "heard", "problem"]
    listed(it, columns, rows, "No host has been heard. See why: the agents' logs, and zf local status")


@command("drain", "zf admin drain dea-1", "zf admin drain dea-1 --no-wait")
@click.argument("name", metavar="HOST")
@click.option("--no-wait", is_flag=True, help="Come back while instances still move.")
def drain(it: Invocation, name: str, no_wait: bool) -> None:
    """Move all that runs on a host elsewhere, without a lost request; then its agent ends."""
    host = it.hosts.order(name, "drain")
    it.console.say(f"{name} drains: {_held(host)} will move. Other hosts need the room for it: zf admin hosts")
    if not no_wait:
        with working(it, f"Draining {name}"):
            _until_empty(it, host)
        it.console.say(f"{name} is empty, and its agent ends.")
    it.console.result({"host": name, "drained": not no_wait})


@command("cordon", "zf admin cordon dea-1")
@click.argument("name", metavar="HOST")
def cordon(it: Invocation, name: str) -> None:
    """Have a host keep what it has, and take nothing more."""
    host = it.hosts.order(name, "cordon")
    it.console.say(f"{name} takes nothing more. It keeps {_held(host)}; to move them: zf admin drain {name}")
    it.console.result(asdict(host))


@command("uncordon", "zf admin uncordon dea-1")
@click.argument("name", metavar="HOST")
def uncordon(it: Invocation, name: str) -> None:
    """Have a host take work again."""
    host = it.hosts.order(name, "uncordon")
    it.console.say(f"{name} takes work again.")
    it.console.result(asdict(host))


@command("components", "zf admin components", "zf admin components --json")
def components(it: Invocation) -> None:
    """Ask all components to make themselves known, and list them with their versions."""
    version, found = _announced(it)
    it.console.result({"version": version, "components": [asdict(one) for one in found]})
    it.console.say(f"The control plane is of version {version}.")
    rows = [[one.type, one.id, one.version, since(one.started_at), since(one.seen_at), one.http] for one in found]
    listed(it, ["type", "name", "version", "up for", "heard", "http"], rows, "Nobody answered. Is the bus up?")


@command("dead-letters", "zf admin dead-letters", "zf admin dead-letters --json")
def dead_letters(it: Invocation) -> None:
    """List the messages at which functions failed too often."""
    found = it.hosts.letters()
    it.console.result([asdict(letter) for letter in found])
    rows = [
        [
            letter.queue,
            letter.id,
            letter.subject or f"unreadable: {letter.problem}",
            since(letter.died_at),
            letter.trace,
            "expired: a replay does nothing" if letter.is_expired else "",
        ]
        for letter in found
    ]
    listed(it, ["queue", "id", "subject", "there for", "trace", ""], rows, "There are no dead letters.")
    if found:
        it.console.say("Why: look for the trace in the logs. Then: zf admin replay QUEUE, or zf admin drop QUEUE ID")


@command("replay", "zf admin replay cc", "zf admin replay jobs 5b3c4a56-1d0e-4b8c-a6f1-0d6f3c1e2a77")
@click.argument("queue", type=click.Choice(QUEUES))
@click.argument("ids", metavar="[ID]...", nargs=-1)
def replay(it: Invocation, queue: str, ids: tuple[str, ...]) -> None:
    """Send dead letters to their queue again: those that are named, or all of the queue."""
    _move(it, "replay", queue, ids, "sent to its queue again")


@command("drop", "zf admin drop cc 5b3c4a56-1d0e-4b8c-a6f1-0d6f3c1e2a77", "zf admin drop jobs -f")
@click.argument("queue", type=click.Choice(QUEUES))
@click.argument("ids", metavar="[ID]...", nargs=-1)
@force
def drop(it: Invocation, queue: str, ids: tuple[str, ...], force: bool) -> None:
    """Delete dead letters: those that are named, or all of the queue."""
    if not force:
        confirm(it, f"Delete {f'{len(ids)} letters' if ids else 'all letters'} of queue {queue} for good?")
    _move(it, "drop", queue, ids, "deleted")


@command("versions", "zf admin versions", "zf admin versions --json")
def versions(it: Invocation) -> None:
    """Ask all parts of the platform for their versions, and tell which are not the control plane's."""
    version, found = _announced(it)
    parts = [("client", "zf", VERSION), ("control plane", "cc", version)]
    parts += [(one.type, one.id, one.version) for one in found]
    it.console.result([{"type": kind, "id": name, "version": its} for kind, name, its in parts])
    rows = [[kind, name, its, "" if its == version else f"not {version}"] for kind, name, its in parts]
    listed(it, ["type", "name", "version", ""], rows, "")
    if others := sum(its != version for _, _, its in parts):
        it.console.say(
            f"{others} of {len(parts)} are not of the control plane's version. How to upgrade: docs/operate.md"
        )


@command("rotate-key", "zf admin rotate-key", "zf admin rotate-key -f")
@force
def rotate_key(it: Invocation, force: bool) -> None:
    """Sign tokens with a new key from now on. Tokens of the one before stay good until they end."""
    if not force:
        confirm(it, "Sign with a new key from now on?")
    key_id = it.hosts.rotate_key()
    it.console.say(f"Tokens are signed by key {key_id} from now on.")
    it.console.result({"kid": key_id})


for part in (
    hosts,
    drain,
    cordon,
    uncordon,
    *INVITATIONS,
    components,
    versions,
    dead_letters,
    replay,
    drop,
    rotate_key,
):
    admin.add_command(part)


def _announced(it: Invocation) -> "tuple[str, list[Component]]":
    """The control plane's version, and who is known once everybody had the time to answer."""
    asked = time.time()
    it.hosts.discover()
    with working(it, "Waiting for their answers"):
        for _ in looks(0.2, 1.5, 1, ANSWER_S):
            version, found = it.hosts.components()
            if found and all(epoch_ns(one.seen_at) >= int(asked) * 10**9 for one in found):
                break
    return version, found


def _move(it: Invocation, what: str, queue: str, ids: tuple[str, ...], done: str) -> None:
    """A request moves a few hundred; all of a queue take as many requests as it needs."""
    moved, left = it.hosts.move(what, queue, ids)
    more = moved
    while more and left and not ids:
        more, left = it.hosts.move(what, queue, ())
        moved += more
    if ids and moved < len(ids):
        it.console.result({"moved": moved, "left": left})
        raise NotFoundError(
            f"Of {len(ids)} letters {moved} {'was' if moved == 1 else 'were'} found in queue {queue}",
            "See what there is: zf admin dead-letters",
        )
    it.console.say(f"{moved} {'letter was' if moved == 1 else 'letters were'} {done}; {left} left in queue {queue}.")
    it.console.result({"moved": moved, "left": left})


def _until_empty(it: Invocation, drained: "Host") -> None:
    """Until this boot of the host holds nothing, or is gone. Raises ZfError after DRAIN_S."""
    for _ in looks(0.5, 1.3, 5, DRAIN_S):
        now = next((host for host in it.hosts.hosts() if host.id == drained.id), None)
        if now is None or now.boot != drained.boot or now.is_empty:
            return
    raise ZfError(
        f"{drained.id} still holds {_held(now or drained)}", "See whether other hosts have room: zf admin hosts"
    )


def _held(host: "Host") -> str:
    counts = ((host.instances, "instance"), (host.builds, "build"), (host.tasks, "task"))
    named = [f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts if count]
    return ", ".join(named) or "nothing"
