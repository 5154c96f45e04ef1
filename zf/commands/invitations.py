"""`zf admin`: hosts that AWS does not run, let in and let go."""

from dataclasses import asdict

import click

from zf.command import Invocation, command
from zf.commands.common import confirm, force, listed
from zf.text import since


@command("invite", "zf admin invite lab-1", "zf admin invite lab-1 --minutes 10 --json")
@click.argument("name", metavar="HOST")
@click.option(
    "--minutes", type=click.IntRange(1, 10080), default=60, show_default=True, help="How long the token is good."
)
def invite(it: Invocation, name: str, minutes: int) -> None:
    """Make a token by which a machine joins as a host, once. It is shown here and never again."""
    found = it.hosts.invite(name, minutes * 60)
    it.console.say(f"On the machine that is to be {name}, as root, within {minutes} minutes:")
    it.console.say(f"  zf dea join {it.config.api} {found.token}")
    it.console.result(asdict(found))


@command("joined-hosts", "zf admin joined-hosts", "zf admin joined-hosts --json")
def joined_hosts(it: Invocation) -> None:
    """List the hosts that were invited, and what became of it."""
    found = it.hosts.joined()
    it.console.result([asdict(one) for one in found])
    rows = [
        [one.id, one.state.lower(), one.invited_by, since(one.joined_at), since(one.renewed_at), since(one.revoked_at)]
        for one in found
    ]
    columns = ["host", "state", "invited by", "joined", "credentials", "revoked"]
    listed(it, columns, rows, "No host has been invited. Invite one: zf admin invite HOST")


@command("revoke", "zf admin revoke lab-1", "zf admin revoke lab-1 -f")
@click.argument("name", metavar="HOST")
@force
def revoke(it: Invocation, name: str, force: bool) -> None:
    """Let a host that has joined go: it is drained, and gets no more credentials. An invitation is void."""
    if not force:
        confirm(it, f"Let host {name} go?")
    found = it.hosts.revoke(name)
    it.console.say(
        f"{name} gets no more credentials; those that it has end within half an hour. If it hears, it drains."
    )
    it.console.result(asdict(found))


PARTS = (invite, joined_hosts, revoke)
