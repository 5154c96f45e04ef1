"""What every command has in common: `--json`, examples in its help, and one Invocation to work with."""

import os
import shlex
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any

import click

from zf.client import config as configs
from zf.client.config import Config, Named
from zf.client.errors import NotLoggedInError, NotTargetedError, ZfError
from zf.console import Console

if TYPE_CHECKING:
    from zf.client.api import Api
    from zf.client.brokers import Brokers
    from zf.client.hosts import Hosts
    from zf.client.logs import LogCache
    from zf.client.operator import Operator
    from zf.client.people import People
    from zf.client.runs import Runs
    from zf.client.services import Services


class Invocation:
    """One run of a command: its config file, its output, and the API once somebody asks for it."""

    def __init__(self, as_json: bool) -> None:
        self.home = configs.home(os.environ)
        self.console = Console(as_json)

    @cached_property
    def config(self) -> Config:
        return configs.load(self.home)

    @cached_property
    def api(self) -> "Api":
        """Raises NotLoggedInError."""
        from zf.client.api import Api
        from zf.client.http import Http
        from zf.client.login import Login

        if not self.config.access_token:
            raise NotLoggedInError(api=self.config.api)
        login = Login(self.home, self.config)
        return Api(Http(self.config.api, login, also=(self.config.log_cache_url, self.config.login_url)))

    @cached_property
    def logs(self) -> "LogCache":
        from zf.client.logs import LogCache

        return LogCache(self.api.http, self.config.log_cache_url)

    # The calls by themes; each is imported by the commands that need it only.

    @cached_property
    def services(self) -> "Services":
        from zf.client.services import Services

        return Services(self.api.http)

    @cached_property
    def brokers(self) -> "Brokers":
        from zf.client.brokers import Brokers

        return Brokers(self.api.http)

    @cached_property
    def people(self) -> "People":
        from zf.client.people import People

        return People(self.api.http, self.config.login_url)

    @cached_property
    def runs(self) -> "Runs":
        from zf.client.runs import Runs

        return Runs(self.api.http)

    @cached_property
    def operator(self) -> "Operator":
        from zf.client.operator import Operator

        return Operator(self.api.http)

    @cached_property
    def hosts(self) -> "Hosts":
        from zf.client.hosts import Hosts

        return Hosts(self.api.http)

    @property
    def org(self) -> Named:
        """Raises NotLoggedInError, NotTargetedError."""
        if not self.config.access_token:
            raise NotLoggedInError(api=self.config.api)
        if not self.config.org:
            raise NotTargetedError("No org is targeted", "Choose one: zf orgs, then zf target -o ORG -s SPACE")
        return self.config.org

    @property
    def space(self) -> Named:
        """Raises NotLoggedInError, NotTargetedError."""
        org = self.org
        if not self.config.space:
            raise NotTargetedError(
                f"No space of org {org.name} is targeted", "Choose one: zf spaces, then zf target -s SPACE"
            )
        return self.config.space

    def org_named(self, name: str | None) -> Named:
        """The org of that name, or the targeted one."""
        return self.api.org(name) if name else self.org

    def where(self) -> str:
        return f"org {self.org.name} / space {self.space.name} as {self.config.user}"

    def update(self, **changes: Any) -> None:
        """Changes the config file, keeping tokens that were renewed in the meantime."""
        self.config = replace(configs.load(self.home), **changes)
        configs.save(self.home, self.config)


class Command(click.Command):
    """A command with examples, shown as they are typed."""

    def __init__(self, *args: Any, examples: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        for param in self.params:
            _spoken(param)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What is too much is not repeated in the error, as click does: it may be a password."""
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            raise click.UsageError(f"{len(rest)} argument{'s are' if len(rest) > 1 else ' is'} too many", ctx)
        return rest

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"  {example}\n")

    def example_args(self) -> list[list[str]]:
        """The arguments of each example: what comes after the command's name."""
        typed = [shlex.split(example) for example in self.examples]
        return [words[words.index(str(self.name)) + 1 :] for words in typed]


def _spoken(param: click.Parameter) -> None:
    """What help and errors call a value: N or the option's own name instead of INTEGER RANGE and TEXT."""
    whole = type(param.type) is click.IntRange
    if whole:
        param.type.name = "whole number"
    if not isinstance(param, click.Option) or param.metavar or param.is_flag or isinstance(param.type, click.Choice):
        return
    param.metavar = "N" if whole else max(param.opts, key=len).lstrip("-").upper()


def command(name: str, *examples: str, **settings: Any) -> Callable[[Callable[..., None]], Command]:
    """Makes `function(invocation, **options)` the command `zf name`, with --json."""

    def wrap(function: Callable[..., None]) -> Command:
        def run(as_json: bool, **options: Any) -> None:
            invocation = Invocation(as_json)
            try:
                function(invocation, **options)
            except ZfError as error:
                invocation.console.result(error.as_json())
                raise

        update_wrapper(run, function)
        run = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines, and nothing else.")(run)
        return click.command(name, cls=Command, examples=examples, **settings)(run)

    return wrap
