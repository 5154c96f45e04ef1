"""The `zf` command line: names and summaries here, so that `zf --help` imports no command.

A command's module is imported when the command is asked for; httpx, rich and yaml only when they are used.
"""

import importlib
from difflib import get_close_matches
from typing import Any

import click

from zf import VERSION
from zf.client.errors import UsageError, ZfError

#: name: (module, summary), in the order of the help.
SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "A cloud on this machine": {
        "local": ("infra.local.cli", "Start, look at and stop a cloud on this machine."),
    },
    "A cloud in AWS": {
        "cloud": ("infra.cloud.cli", "Begin an installation in an AWS account of your own."),
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
        "rename-org": ("zf.commands.places", "Give an org another name."),
        "rename-space": ("zf.commands.places", "Give a space another name."),
        "delete-org": ("zf.commands.places", "Delete an org with all in it."),
        "delete-space": ("zf.commands.places", "Delete a space with all in it."),
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
        "rename": ("zf.commands.places", "Give an app another name."),
        "delete": ("zf.commands.lifecycle", "Delete an app."),
        "create-app-manifest": ("zf.commands.apps", "Write down what an app is."),
    },
    "Versions of an app": {
        "revisions": ("zf.commands.rollouts", "List the versions an app had."),
        "rollback": ("zf.commands.rollouts", "Go back to one of them."),
        "deployments": ("zf.commands.rollouts", "List how they came, and how it ended."),
        "continue-deployment": ("zf.commands.rollouts", "Let a canary that pauses go on."),
        "cancel-deployment": ("zf.commands.rollouts", "Go back to the version before."),
    },
    "Tasks": {
        "run-task": ("zf.commands.tasks", "Run a command once."),
        "tasks": ("zf.commands.tasks", "List the tasks of an app."),
        "terminate-task": ("zf.commands.tasks", "End a task."),
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
    "Services": {
        "marketplace": ("zf.commands.services", "List what the space can have."),
        "services": ("zf.commands.services", "List the service instances of the space."),
        "service": ("zf.commands.services", "Show a service instance."),
        "create-service": ("zf.commands.services", "Make a service instance."),
        "create-user-provided-service": ("zf.commands.services", "Make one of what exists elsewhere."),
        "update-service": ("zf.commands.services", "Change a service instance."),
        "delete-service": ("zf.commands.services", "Delete a service instance."),
        "bind-service": ("zf.commands.bindings", "Give an app a service's credentials."),
        "unbind-service": ("zf.commands.bindings", "Take them away."),
        "service-keys": ("zf.commands.bindings", "List the keys of a service instance."),
        "service-key": ("zf.commands.bindings", "Show a key's credentials."),
        "create-service-key": ("zf.commands.bindings", "Make credentials for somebody."),
        "delete-service-key": ("zf.commands.bindings", "Delete a key."),
    },
    "Routes and domains": {
        "routes": ("zf.commands.routes", "List the routes of the space."),
        "create-route": ("zf.commands.routes", "Make a route that leads nowhere yet."),
        "map-route": ("zf.commands.routes", "Send a route's requests to an app."),
        "unmap-route": ("zf.commands.routes", "Take a route from an app."),
        "delete-route": ("zf.commands.routes", "Delete a route."),
        "domains": ("zf.commands.domains", "List the domains of the org."),
        "create-private-domain": ("zf.commands.domains", "Make a domain for one org."),
        "create-shared-domain": ("zf.commands.domains", "Make a domain for every org."),
        "delete-domain": ("zf.commands.domains", "Delete a domain with its routes."),
    },
    "Users and roles": {
        "passwd": ("zf.commands.people", "Change your own password."),
        "create-user": ("zf.commands.people", "Make a user."),
        "delete-user": ("zf.commands.people", "Delete a user."),
        "org-users": ("zf.commands.people", "List who has a role in an org."),
        "space-users": ("zf.commands.people", "List who has a role in a space."),
        "set-org-role": ("zf.commands.people", "Give a role in an org."),
        "unset-org-role": ("zf.commands.people", "Take it away."),
        "set-space-role": ("zf.commands.people", "Give a role in a space."),
        "unset-space-role": ("zf.commands.people", "Take it away."),
    },
    "Quotas": {
        "org-quotas": ("zf.commands.quotas", "List the quotas of orgs."),
        "create-org-quota": ("zf.commands.quotas", "Make a quota for orgs."),
        "set-org-quota": ("zf.commands.quotas", "Give an org a quota."),
        "delete-org-quota": ("zf.commands.quotas", "Delete a quota of orgs."),
        "space-quotas": ("zf.commands.quotas", "List the quotas of the org's spaces."),
        "create-space-quota": ("zf.commands.quotas", "Make a quota for spaces."),
        "set-space-quota": ("zf.commands.quotas", "Give a space a quota."),
        "unset-space-quota": ("zf.commands.quotas", "Take a quota from a space."),
        "delete-space-quota": ("zf.commands.quotas", "Delete a quota of spaces."),
    },
    "For operators": {
        "buildpacks": ("zf.commands.buildpacks", "List the buildpacks."),
        "create-buildpack": ("zf.commands.buildpacks", "Install a buildpack."),
        "update-buildpack": ("zf.commands.buildpacks", "Change a buildpack."),
        "delete-buildpack": ("zf.commands.buildpacks", "Delete a buildpack."),
        "feature-flags": ("zf.commands.flags", "List what people may do."),
        "enable-feature-flag": ("zf.commands.flags", "Let people do something."),
        "disable-feature-flag": ("zf.commands.flags", "Let only administrators do it."),
        "service-brokers": ("zf.commands.brokers", "List the service brokers."),
        "create-service-broker": ("zf.commands.brokers", "Register a service broker."),
        "delete-service-broker": ("zf.commands.brokers", "Forget a service broker."),
        "enable-service-access": ("zf.commands.brokers", "Show what a broker offers."),
        "disable-service-access": ("zf.commands.brokers", "Hide what a broker offers."),
    },
    "The platform itself": {
        "dea": ("zf.commands.dea", "Make this machine a host of a platform."),
        "admin": ("zf.commands.admin", "Look after hosts, components and dead letters."),
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
            raise UsageError(f"There is no command '{name}'", _way_to(name))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(WIDEST), summary) for name, (_, summary) in commands.items()])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="First steps: zf local up --detach, then zf push NAME in your app's folder. "
    "Help for one command, with examples: zf COMMAND --help",
)
@click.version_option(VERSION, message="zf %(version)s")
def cli() -> None:
    """Push applications to a zerofoundry cloud and look after them.

    Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """


def _way_to(name: str) -> str:
    """What somebody may have meant: the same under its name here, near names, or all there are."""
    from zf.words import CALLED_HERE

    if here := CALLED_HERE.get(name.lower()):
        return f"Here it is: zf {here} (see zf {here} --help)"
    near = get_close_matches(name, COMMANDS, n=2)
    return f"Did you mean {' or '.join(near)}?" if near else "See what there is: zf --help"


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
