"""Deployments and revisions: what strategies share, and the commands beside push, restart and restage."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from zf.client.errors import ApiError, NotFoundError, ZfError
from zf.client.models import App
from zf.command import Invocation, command
from zf.commands.apps import show_app
from zf.commands.common import listed
from zf.push.rollout import chosen, follow

if TYPE_CHECKING:
    from zf.client.runs import Deployment

#: HTTP: the deployment is in a state in which this cannot be done.
UNPROCESSABLE = 422

_OPTIONS = (
    click.option(
        "--strategy",
        type=click.Choice(["rolling", "canary"]),
        help="Put the new version beside the old one instead of stopping that first.",
    ),
    click.option(
        "--max-in-flight", type=click.IntRange(min=1), help="How many new instances may start at a time. [default: 1]"
    ),
    click.option(
        "--instance-steps", metavar="PERCENT,...", help="Shares of new instances after which a canary pauses."
    ),
)


def with_strategy(function: Callable[..., Any]) -> Callable[..., Any]:
    """--strategy, --max-in-flight and --instance-steps; see zf.push.rollout.chosen."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def deploy(it: Invocation, app: App, wanted: dict[str, Any]) -> None:
    """Deploy, wait, show the app."""
    _follow(it, app, lambda: it.runs.deploy(app, wanted))


def _follow(it: Invocation, app: App, begin: "Callable[[], Deployment]", step: int | None = None) -> None:
    from zf.push.report import Report

    with Report(it.console).phase("deploy", f"Deploying {app.name}", announce=True) as phase:
        deployment = follow(it.api, it.runs, it.logs, app, begin(), phase, step)
    it.console.say()
    if deployment.value == "ACTIVE":
        it.console.say(paused(app.name))
    show_app(it, it.api.app(it.space, app.name))


def paused(name: str) -> str:
    return (
        f"Some instances of {name} are new. Go on: zf continue-deployment {name}, or back: zf cancel-deployment {name}"
    )


def _active(it: Invocation, app: App) -> "Deployment":
    found = it.runs.active_deployment(app)
    if found is None:
        raise NotFoundError(f"Nothing is being deployed for {app.name}", f"See what was: zf deployments {app.name}")
    return found


@command("deployments", "zf deployments hello", "zf deployments hello --json")
@click.argument("name", metavar="APP")
def deployments(it: Invocation, name: str) -> None:
    """List how new versions of an app came by a strategy; the newest first."""
    found = it.runs.deployments(it.api.app(it.space, name))
    it.console.result([asdict(one) for one in found])
    rows = [
        [
            str(one.revision or ""),
            one.strategy,
            one.value.lower(),
            one.reason.lower(),
            f"{one.step} of {one.steps}" if one.steps else "",
            one.created_at,
            one.error,
        ]
        for one in found
    ]
    columns = ["[revision]", "strategy", "state", "reason", "step", "time", "details"]
    listed(it, columns, rows, f"{name} has had no deployments. Make one: zf push {name} --strategy rolling")


@command("cancel-deployment", "zf cancel-deployment hello", "zf cancel-deployment hello --json")
@click.argument("name", metavar="APP")
def cancel_deployment(it: Invocation, name: str) -> None:
    """Go back to the version that ran before the deployment that is under way."""
    app = it.api.app(it.space, name)
    deployment = _active(it, app)
    try:
        it.runs.tell_deployment(deployment, "cancel")
    except ApiError as error:
        if error.status != UNPROCESSABLE:
            raise
        way = f"Go back to the version before: zf revisions {name}, zf rollback {name} --revision N"
        raise ZfError(
            f"The new version of {name} serves already; its deployment is only being cleared up", way
        ) from None
    it.console.say(f"{name} goes back to the version before. Watch it: zf deployments {name}")
    it.console.result(asdict(it.runs.deployment(deployment.guid)))


@command("continue-deployment", "zf continue-deployment hello", "zf continue-deployment hello --json")
@click.argument("name", metavar="APP")
def continue_deployment(it: Invocation, name: str) -> None:
    """Let a canary that pauses go on, to its next step or to its end."""
    app = it.api.app(it.space, name)
    deployment = _active(it, app)
    if deployment.reason != "PAUSED":
        raise ZfError(f"The deployment of {name} does not pause", f"See how it goes: zf deployments {name}")

    def go_on() -> "Deployment":
        it.runs.tell_deployment(deployment, "continue")
        return deployment

    _follow(it, app, go_on, deployment.step)


@command("revisions", "zf revisions hello")
@click.argument("name", metavar="APP")
def revisions(it: Invocation, name: str) -> None:
    """List what an app was at each start that changed something; the newest first."""
    app = it.api.app(it.space, name)
    found = it.runs.revisions(app)
    running = {one.guid for one in it.runs.deployed_revisions(app)}
    it.console.result([asdict(one) | {"deployed": one.guid in running} for one in found])
    rows = [
        [
            str(one.version),
            "yes" if one.guid in running else "",
            "yes" if one.deployable else "no",
            one.created_at,
            one.description,
        ]
        for one in found
    ]
    nothing = f"{name} has no revisions; the first is made when it starts with revisions enabled"
    listed(it, ["[revision]", "runs", "can run", "time", "description"], rows, f"{nothing}.")


@command("rollback", "zf rollback hello --revision 3", "zf rollback hello --revision 3 --strategy canary")
@click.argument("name", metavar="APP")
@click.option(
    "--revision", "--version", "version", type=click.IntRange(min=1), required=True, help="Which; see zf revisions."
)
@with_strategy
def rollback(
    it: Invocation,
    name: str,
    version: int,
    strategy: str | None,
    max_in_flight: int | None,
    instance_steps: str | None,
) -> None:
    """Go back to what an app was: its files, environment and commands of then, instance by instance."""
    plan = chosen(strategy or "rolling", max_in_flight, instance_steps)
    app = it.api.app(it.space, name)
    there = it.runs.revisions(app)
    found = next((one for one in there if one.version == version), None)
    if found is None or not found.deployable:
        usable = ", ".join(str(one.version) for one in there if one.deployable) or "none"
        wrong = "is too old to run again" if found else "does not exist"
        raise NotFoundError(f"Revision {version} of {name} {wrong}", f"Those one can go back to: {usable}")
    assert plan is not None
    deploy(it, app, plan.body(revision={"guid": found.guid}))
