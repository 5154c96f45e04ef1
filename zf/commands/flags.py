"""Feature flags: what an operator lets people do."""

from dataclasses import asdict

import click

from zf.command import Invocation, command


@command("feature-flags", "zf feature-flags")
def feature_flags(it: Invocation) -> None:
    """List what operators let people do, or not."""
    found = it.operator.flags()
    it.console.result([asdict(flag) for flag in found])
    it.console.table(["name", "enabled"], [[flag.name, "yes" if flag.enabled else "no"] for flag in found])


@command("enable-feature-flag", "zf enable-feature-flag diego_docker")
@click.argument("name", metavar="FLAG")
def enable_feature_flag(it: Invocation, name: str) -> None:
    """Let people do what the flag is about."""
    _set(it, name, True)


@command("disable-feature-flag", "zf disable-feature-flag task_creation")
@click.argument("name", metavar="FLAG")
def disable_feature_flag(it: Invocation, name: str) -> None:
    """Let only administrators do what the flag is about."""
    _set(it, name, False)


def _set(it: Invocation, name: str, enabled: bool) -> None:
    flag = it.operator.set_flag(name, enabled)
    it.console.say(f"{flag.name} is {'enabled' if flag.enabled else 'disabled'}.")
    it.console.result(asdict(flag))
