"""The `zf` command line: names and summaries here, so that `zf --help` imports no command.

A command's module is imported when the command is asked for; httpx, rich and yaml only when they are used.
"""

import importlib
from difflib import get_close_matches
from typing import Any

import click

from zf import VERSION
from zf.client.errors import ZfError

#: name: (module, summary), in the order of the help.
SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "A cloud on this machine": {
        "local": ("infra.local.cli", "Start, look at and stop a cloud on this machine."),
    },
    "Where to work": {
        "api": ("zf.commands.access", "Set or show the API to talk to."),
        "login": ("zf.commands.access", "Log in and choose org and space."),
        "logout": ("zf.commands.access", "Forget the login."),
        "target": ("zf.commands.access", "Set or show org and space."),
        "orgs": ("zf.commands.places", "List the orgs you can see."),
        "spaces": ("zf.commands.places", "List the spaces of the org."),
        "create-org": ("zf.commands.places", "Create an org."),
        "create-space": ("zf.commands.places", "Create a space."),
    },
    "Apps": {
        "push": ("zf.commands.push", "Push an app: upload, stage, start."),
        "apps": ("zf.commands.apps", "List the apps of the space."),
        "app": ("zf.commands.apps", "Show an app and its instances."),
        "scale": ("zf.commands.lifecycle", "Change instances, memory or disk."),
        "start": ("zf.commands.lifecycle", "Start an app."),
        "stop": ("zf.commands.lifecycle", "Stop an app."),
        "restart": ("zf.commands.lifecycle", "Stop an app and start it again."),
        "restage": ("zf.commands.lifecycle", "Stage an app's files again and restart it."),
        "restart-app-instance": ("zf.commands.lifecycle", "Replace one instance."),
        "delete": ("zf.commands.lifecycle", "Delete an app."),
    },
    "What happens": {
        "logs": ("zf.commands.logs", "Follow or show an app's log."),
        "events": ("zf.commands.logs", "Show what was done to an app."),
    },
    "Environment": {
        "env": ("zf.commands.env", "Show an app's environment."),
        "set-env": ("zf.commands.env", "Set an environment variable."),
        "unset-env": ("zf.commands.env", "Remove an environment variable."),
    },
    "Routes": {
        "routes": ("zf.commands.routes", "List the routes of the space."),
        "map-route": ("zf.commands.routes", "Send a route's requests to an app."),
        "unmap-route": ("zf.commands.routes", "Take a route from an app."),
    },
    "Anything else": {
        "curl": ("zf.commands.curl", "Send a request to the API with your login."),
    },
}
COMMANDS = {name: entry for section in SECTIONS.values() for name, entry in section.items()}
WIDEST = max(map(len, COMMANDS))


class Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _ = COMMANDS[name]
        if name == "local":
            return local_group(module)
        found: Any = getattr(importlib.import_module(module), name.replace("-", "_"))
        return found if isinstance(found, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            near = get_close_matches(name, COMMANDS, n=2)
            way = f"Did you mean {' or '.join(near)}?" if near else "See: zf --help"
            raise click.UsageError(f"There is no command '{name}'. {way}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(WIDEST), summary) for name, (_, summary) in commands.items()])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Help for one command, with examples: zf COMMAND --help",
)
@click.version_option(VERSION, message="zf %(version)s")
def cli() -> None:
    """Push applications to a zerofoundry cloud and look after them.

    Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """


def local_group(module: str) -> click.Command:
    """The group of the one-machine cloud; when its extra is not installed, a command that says so."""
    try:
        group = importlib.import_module(module).local
    except ImportError as error:
        return _absent(error.name or str(error))
    return group if isinstance(group, click.Command) else _absent(module)


def _absent(what: str) -> click.Command:
    @click.command(
        "local", context_settings={"ignore_unknown_options": True, "help_option_names": []}, add_help_option=False
    )
    @click.argument("args", nargs=-1, type=click.UNPROCESSED)
    def local(args: tuple[str, ...]) -> None:
        """A cloud on this machine (not installed)."""
        problem = f"The cloud for this machine is not installed ({what} is missing)"
        raise ZfError(problem, "Install it: pip install 'zerofoundry[local]'")

    return local
