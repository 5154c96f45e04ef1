"""From a droplet to running instances: the restart, then their stats until it is clear how it ended."""

from collections.abc import Sequence
from enum import Enum

from zf.client.api import Api
from zf.client.errors import StartError
from zf.client.logs import LogCache
from zf.client.models import App, Instance, Process
from zf.client.waiting import looks
from zf.push.livelog import last_words
from zf.push.report import Phase
from zf.text import megabytes

#: What the cf command waits for a start.
GIVE_UP_S = 300
#: A cloud without room may make some by itself, but not often: told after this time.
NO_ROOM_S = 15


class Outcome(Enum):
    WAITING = "waiting"
    UP = "up"
    CRASHED = "crashed"
    NO_ROOM = "no room"


def outcome(instances: Sequence[Instance], wanted: int, waited_s: float) -> Outcome:
    """UP as soon as all run, or some run and none of the others is starting."""
    states = [one.state for one in instances]
    if wanted == 0:
        return Outcome.UP
    if len(states) >= wanted and all(state == "RUNNING" for state in states):
        return Outcome.UP
    if states and all(state == "CRASHED" for state in states):
        return Outcome.CRASHED
    if "RUNNING" in states and "STARTING" not in states and waited_s >= NO_ROOM_S:
        return Outcome.UP
    if states and all(state == "DOWN" for state in states) and waited_s >= NO_ROOM_S:
        return Outcome.NO_ROOM
    return Outcome.WAITING


def wait_until_up(api: Api, cache: LogCache, app: App, process: Process, phase: Phase, since_ns: int) -> list[Instance]:
    """The instances, at least one of them running. Raises StartError with the app's last words.

    since_ns: when the start was asked for, by the platform's clock; older log lines are of older instances.
    """
    instances, ended = list[Instance](), Outcome.WAITING
    for waited_s in looks(0.05, 1.4, 0.5, GIVE_UP_S):
        instances = api.stats(process.guid)
        running = sum(one.state == "RUNNING" for one in instances)
        phase.status(f"Starting {app.name}: {running} of {process.instances} running")
        ended = outcome(instances, process.instances, waited_s)
        if ended is Outcome.UP:
            phase.label = f"Started {app.name}: {running} of {process.instances} running"
            return instances
        if ended is not Outcome.WAITING:
            break
    raise _failure(ended, app, process, instances, last_words(cache, app.guid, since_ns))


def _failure(ended: Outcome, app: App, process: Process, instances: Sequence[Instance], log: list[str]) -> StartError:
    details = sorted({one.details for one in instances if one.details})
    why = f" ({'; '.join(details)})" if details else ""
    whole = f"the whole log: zf logs {app.name} --recent"
    if ended is Outcome.CRASHED:
        which = "its instance" if len(instances) == 1 else f"all {len(instances)} instances"
        return StartError(
            f"{app.name} does not start: {which} crashed{why}", f"Correct it and push again; {whole}", log=log
        )
    if ended is Outcome.NO_ROOM:
        memory = megabytes(process.memory_in_mb)
        way = f"An instance takes {memory} of memory: give it less (zf scale {app.name} -m SIZE), or stop other apps"
        return StartError(f"No host has room for {app.name}{why}", way, log=log)
    return StartError(
        f"{app.name} is not running after {GIVE_UP_S // 60} minutes{why}",
        f"See zf app {app.name}, and {whole}",
        log=log,
    )
