"""push: the command line of zf.push."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from zf.client.errors import UsageError
from zf.command import Invocation, command
from zf.commands.apps import show_instances
from zf.commands.common import megabytes
from zf.commands.rollouts import paused, with_strategy
from zf.push.flags import Flags, check, choose
from zf.push.rollout import chosen
from zf.push.spec import AppSpec, find
from zf.text import seconds

#: Through a push the control plane may be away for so long, in seconds, before it counts as failed.
PATIENCE_S = 60


@command(
    "push",
    "zf push",
    "zf push hello -p examples/static",
    "zf push shop -o registry.example.com/shop:1.4",
    "CF_DOCKER_PASSWORD=... zf push shop -o registry.example.com/shop:1.4 --docker-username me",
    "zf push hello -m 128M -i 2 --route hello.localhost",
    "zf push hello --strategy rolling",
    "zf push hello -i 10 --strategy canary --instance-steps 10,50",
    "zf push -f manifest.yml --var domain=example.com --vars-file prod.yml",
    "zf push worker --no-route --health-check-type process -c 'python worker.py'",
)
@click.argument("name", required=False)
@click.option("-f", "--manifest", metavar="FILE", help="Manifest, or the folder it is in. [default: ./manifest.yml]")
@click.option(
    "-p", "--path", metavar="PATH", help="The app's folder, or a zip or jar. [default: the manifest's folder]"
)
@click.option("-o", "--docker-image", metavar="IMAGE", help="A Docker image instead of a folder.")
@click.option(
    "--docker-username", metavar="USER", help="For the image's registry; the password is in CF_DOCKER_PASSWORD."
)
@click.option("-m", "--memory", metavar="SIZE", help="Memory of an instance, such as 256M.")
@click.option("-k", "--disk", metavar="SIZE", help="Disk of an instance, such as 1G.")
@click.option("-i", "--instances", type=click.IntRange(min=0), help="How many instances.")
@click.option("-c", "--command", metavar="COMMAND", help="Start command; 'null' for the detected one.")
@click.option("-b", "--buildpack", "buildpacks", multiple=True, help="Buildpack; may be repeated. 'default' detects.")
@click.option("-s", "--stack", help="Stack the app runs on.")
@click.option("--no-start", is_flag=True, help="Upload only; do not stage and start.")
@click.option("--no-route", is_flag=True, help="No route, and take the app's routes away.")
@click.option("--random-route", is_flag=True, help="A route with a random host.")
@click.option("--route", "routes", multiple=True, metavar="ROUTE", help="HOST.DOMAIN/PATH; may be repeated.")
@click.option(
    "-u", "--health-check-type", type=click.Choice(["port", "process", "http"]), help="When an instance is healthy."
)
@click.option("--health-check-http-endpoint", "--endpoint", metavar="PATH", help="For http: what must answer 200.")
@click.option(
    "-t", "--timeout", "--app-start-timeout", type=click.IntRange(1), metavar="SECONDS", help="Time to become healthy."
)
@with_strategy
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="Fills ((NAME)) in the manifest.")
@click.option("--vars-file", "vars_files", multiple=True, metavar="FILE", help="YAML file of such variables.")
def push(
    it: Invocation,
    name: str | None,
    manifest: str | None,
    path: str | None,
    disk: str | None,
    no_start: bool,
    strategy: str | None,
    max_in_flight: int | None,
    instance_steps: str | None,
    variables: tuple[str, ...],
    vars_files: tuple[str, ...],
    **given: Any,
) -> None:
    """Push an app: upload its files, stage and start it, wait until it runs.

    Settings come from manifest.yml, flags win over it. Without a manifest, NAME is needed. Files named in .cfignore
    stay at home. With --json: {app, guid, urls, instances, timings}, or a list of these for several apps.
    """
    from zf.push.pipeline import Push
    from zf.push.report import Report

    flags = Flags(path=Path(path) if path else None, disk=disk, **given)
    check(flags)
    plan = chosen(strategy, max_in_flight, instance_steps)
    if plan and no_start:
        raise UsageError("--no-start starts nothing that a strategy could be for", "Keep one of them")
    if plan:
        # Sizes go with the deployment; in the manifest they would change the version that runs.
        plan = replace(plan, sizes=_sizes(flags))
        flags = replace(flags, instances=None, memory=None, disk=None)
    specs = choose(_apps(it, manifest, name, path, variables, vars_files), name, flags)
    it.console.say(f"Pushing {', '.join(spec.name for spec in specs)} to {it.where()}\n")
    it.api.http.patience_s = PATIENCE_S
    pushed = Push(it.api, it.runs, it.logs, it.space, Report(it.console)).push(specs, start=not no_start, plan=plan)
    answers = [one.as_json() for one in pushed]
    it.console.result(answers[0] if len(answers) == 1 else answers)
    for one in pushed:
        how = (
            "is uploaded; start it: zf start " + one.app
            if no_start
            else "is up" + (": " if one.urls else ", without a route")
        )
        it.console.say(
            f"\n{one.app} {how}{'' if no_start else ' '.join(one.urls)}  ({seconds(one.timings['total'])} in all)"
        )
        if one.instances:
            show_instances(it.console, one.instances)
        if one.deployment == "PAUSED":
            it.console.say(f"\n{paused(one.app)}")


def _sizes(flags: Flags) -> tuple[tuple[str, int], ...]:
    sizes = {} if flags.instances is None else {"web_instances": flags.instances}
    for key, flag, text in (("memory_in_mb", "-m", flags.memory), ("disk_in_mb", "-k", flags.disk)):
        if text is not None:
            sizes[key] = megabytes(flag, text)
    return tuple(sizes.items())


def _apps(
    it: Invocation,
    manifest: str | None,
    name: str | None,
    path: str | None,
    variables: tuple[str, ...],
    vars_files: tuple[str, ...],
) -> tuple[AppSpec, ...]:
    """The apps of the manifest, none when there is no manifest but a name. Imports yaml only if there is one."""
    file = Path(manifest) if manifest else None
    if file is None or file.is_dir():
        file = find(file or Path())
        if file is None and manifest:
            raise UsageError(f"There is no manifest.yml in {manifest}", "Name the file: zf push -f FILE")
    if file is None:
        if name is None:
            told = path and find(Path(path))
            way = f"{path} has one: zf push -f {path}" if told else "Give a name: zf push NAME -p FOLDER"
            raise UsageError("There is neither a name nor a manifest.yml here", way)
        if variables or vars_files:
            raise UsageError("Variables are given, but there is no manifest to fill", "Name it: zf push -f FILE")
        return ()
    from zf.push.manifest import load
    from zf.push.variables import gather

    return load(file, gather(variables, [Path(one) for one in vars_files]))
