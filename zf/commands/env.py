"""env, set-env, unset-env."""

import json

import click

from zf.client.errors import missing
from zf.client.models import App
from zf.command import Invocation, command

#: The parts of an app's environment, in the API's words and ours.
PARTS = {
    "environment_variables": "Set by you",
    "staging_env_json": "For staging, from the operator",
    "running_env_json": "For running, from the operator",
    "system_env_json": "Services",
    "application_env_json": "About the app",
}


@command("env", "zf env hello", "zf env hello --json")
@click.argument("name", metavar="APP")
def env(it: Invocation, name: str) -> None:
    """Show an app's environment. Secrets in it are shown too."""
    found = it.api.env(it.api.app(it.space, name))
    it.console.result(found)
    if not any(found.get(part) for part in PARTS):
        it.console.say(f"{name} has no variables. Set one: zf set-env {name} NAME VALUE")
    for part, title in PARTS.items():
        if values := found.get(part):
            it.console.say(f"{title}:")
            for key, value in values.items():
                it.console.say(f"  {key}={value if isinstance(value, str) else json.dumps(value, indent=2)}")


def _next(app: App) -> str:
    """The command after which instances have the change."""
    return "restart" if app.state == "STARTED" else "start"


@command("set-env", "zf set-env hello GREETING 'good morning'", "zf set-env hello DEBUG -- -1")
@click.argument("name", metavar="APP")
@click.argument("variable", metavar="NAME")
@click.argument("value", metavar="VALUE")
def set_env(it: Invocation, name: str, variable: str, value: str) -> None:
    """Set an environment variable; running instances see it after a restart."""
    app = it.api.app(it.space, name)
    it.api.set_env(app, {variable: value})
    it.console.say(f"{variable} is set for {name}. Apply it: zf {_next(app)} {name}")
    it.console.result({"app": app.name, "guid": app.guid, "name": variable, "set": True})


@command("unset-env", "zf unset-env hello GREETING")
@click.argument("name", metavar="APP")
@click.argument("variable", metavar="NAME")
def unset_env(it: Invocation, name: str, variable: str) -> None:
    """Remove an environment variable; running instances lose it after a restart."""
    app = it.api.app(it.space, name)
    there = it.api.env(app).get("environment_variables") or {}
    if variable not in there:
        raise missing("Variable", variable, there, f"zf env {name}")
    it.api.set_env(app, {variable: None})
    it.console.say(f"{variable} is removed from {name}. Apply it: zf {_next(app)} {name}")
    it.console.result({"app": app.name, "guid": app.guid, "name": variable, "set": False})
