"""logs and events: what an app says, and what was done to it."""

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from zf.client.errors import ZfError
from zf.command import Invocation, command

if TYPE_CHECKING:
    from zf.client.logs import Line

#: A log cache that is away for so long while it is followed is given up, in seconds.
AWAY_S = 60


@command("logs", "zf logs hello", "zf logs hello --recent", "zf logs hello --recent --json")
@click.argument("name", metavar="APP")
@click.option("--recent", is_flag=True, help="Show what there is and end, instead of following.")
def logs(it: Invocation, name: str, recent: bool) -> None:
    """Follow an app's log until Ctrl-C, or show the recent lines.

    With --json, each line is one JSON object.
    """
    app = it.api.app(it.space, name)
    if recent:
        for line in it.logs.recent(app.guid):
            _show(it, line)
        return
    _follow(it, app.guid)


@command("events", "zf events hello", "zf events hello -n 5")
@click.argument("name", metavar="APP")
@click.option(
    "-n", "--limit", type=click.IntRange(1, 5000), default=50, show_default=True, help="How many, newest first."
)
def events(it: Invocation, name: str, limit: int) -> None:
    """Show what was done to an app, and by whom."""
    found = it.api.events(it.api.app(it.space, name), limit)
    it.console.result([asdict(event) for event in found])
    if found:
        rows = [[one.created_at, one.type, one.actor, _brief(one.data)] for one in found]
        it.console.table(["time", "event", "actor", "description"], rows)
    else:
        it.console.say(f"Nothing has been done to {name} yet.")


def _follow(it: Invocation, guid: str) -> None:
    from zf.client.logs import POLL_S, Follower

    follower = Follower.from_now(it.logs, guid)
    heard = time.monotonic()
    while True:
        try:
            for line in follower.new():
                _show(it, line)
            heard = time.monotonic()
        except ZfError:
            if time.monotonic() - heard > AWAY_S:
                raise
        time.sleep(POLL_S)


def _show(it: Invocation, line: "Line") -> None:
    if it.console.as_json:
        print(json.dumps(asdict(line), ensure_ascii=False), file=it.console.out, flush=True)
    else:
        it.console.line(line)


def _brief(data: dict[str, object]) -> str:
    """An event's data on one line; nested parts as JSON."""
    parts = (
        f"{key}: {value if isinstance(value, str) else json.dumps(value)}" for key, value in data.items() if value != {}
    )
    return ", ".join(parts)
