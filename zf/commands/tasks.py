"""Tasks: commands that run once, with an app's files and environment."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from zf.client.errors import StartError, UsageError
from zf.command import Invocation, command
from zf.commands.common import listed, megabytes

if TYPE_CHECKING:
    from zf.client.models import App
    from zf.client.runs import Task

ENDED = ("SUCCEEDED", "FAILED")


@command(
    "run-task",
    "zf run-task hello -c 'python manage.py migrate' --wait",
    "zf run-task hello -c 'python report.py' --name report -m 512M",
    "zf run-task hello --process worker",
)
@click.argument("name", metavar="APP")
@click.option("-c", "--command", "task_command", metavar="COMMAND", help="What to run.")
@click.option("--name", "task_name", help="Of the task; made up if left out.")
@click.option("--process", metavar="TYPE", help="Run the command of this process type, with its sizes.")
@click.option("-m", "--memory", metavar="SIZE", help="Memory, such as 256M.")
@click.option("-k", "--disk", metavar="SIZE", help="Disk, such as 1G.")
@click.option("-w", "--wait", is_flag=True, help="Show its log until it ends; status 1 when it fails.")
def run_task(
    it: Invocation,
    name: str,
    task_command: str | None,
    task_name: str | None,
    process: str | None,
    memory: str | None,
    disk: str | None,
    wait: bool,
) -> None:
    """Run a command once, beside the instances of an app, with its files and environment."""
    if not task_command and not process:
        raise UsageError("There is nothing to run", "Give a command: -c COMMAND, or a process type: --process TYPE")
    wanted: dict[str, Any] = {key: text for key, text in (("command", task_command), ("name", task_name)) if text}
    for key, flag, text in (("memory_in_mb", "-m", memory), ("disk_in_mb", "-k", disk)):
        if text:
            wanted[key] = megabytes(flag, text)
    app = it.api.app(it.space, name)
    if process:
        found = next((one for one in it.api.processes([app.guid]) if one.type == process), None)
        if found is None:
            raise UsageError(f"{name} has no process type {process}", f"See those it has: zf app {name}")
        wanted["template"] = {"process": {"guid": found.guid}}
    if wait:
        _run_to_its_end(it, app, wanted)
        return
    task = it.runs.run_task(app, wanted)
    it.console.say(f"Task {task.id} ({task.name}) of {name} is on its way. See how it ends: zf tasks {name}")
    it.console.result(asdict(task))


def _run_to_its_end(it: Invocation, app: "App", wanted: dict[str, Any]) -> None:
    """Raises StartError when it fails; who watches has read its log then."""
    from zf.client.waiting import backoff
    from zf.push.livelog import LAST_LINES_S, LiveLog

    live = LiveLog(it.logs, app.guid, it.console.line if not it.console.as_json else lambda _: None, "APP/TASK/")
    task = it.runs.run_task(app, wanted)
    live.source = f"APP/TASK/{task.name}"
    for pause in backoff(0.1, 1.3, 1.0):  # it may take hours; Ctrl-C ends the waiting, not the task
        live.more()
        task = it.runs.task(task.guid)
        if task.state in ENDED:
            break
        time.sleep(pause)
    time.sleep(LAST_LINES_S)
    live.more()
    if task.state == "FAILED":
        whole = f"The whole log: zf logs {app.name} --recent"
        error = StartError(f"Task {task.id} ({task.name}) failed: {task.failure.rstrip('.')}", whole, log=[*live.tail])
        error.log_was_shown = not it.console.as_json
        raise error
    it.console.say(f"Task {task.id} ({task.name}) has succeeded.")
    it.console.result(asdict(task) | {"log": [*live.tail]})


@command("tasks", "zf tasks hello")
@click.argument("name", metavar="APP")
def tasks(it: Invocation, name: str) -> None:
    """List the tasks of an app, the newest first."""
    found = it.runs.tasks(it.api.app(it.space, name))
    it.console.result([asdict(task) for task in found])
    rows = [[str(one.id), one.name, one.state.lower(), one.created_at, one.command, one.failure] for one in found]
    columns = ["[id]", "name", "state", "time", "command", "details"]
    listed(it, columns, rows, f"{name} has had no tasks. Run one: zf run-task {name} -c COMMAND")


@command("terminate-task", "zf terminate-task hello 3")
@click.argument("name", metavar="APP")
@click.argument("task_id", metavar="ID", type=click.IntRange(min=1))
def terminate_task(it: Invocation, name: str, task_id: int) -> None:
    """End a task before it does so itself."""
    task: Task = it.runs.cancel_task(it.runs.task_by_id(it.api.app(it.space, name), task_id))
    it.console.say(f"Task {task.id} ({task.name}) is being ended. See: zf tasks {name}")
    it.console.result(asdict(task))
