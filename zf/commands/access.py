"""api, login, logout, target: which API, who, and where."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from zf.client import config as configs
from zf.client.config import Named
from zf.client.errors import UsageError, ZfError
from zf.command import Invocation, command

if TYPE_CHECKING:
    from zf.client.api import Api


@command("api", "zf api http://localhost:8080", "zf api https://api.example.com", "zf api")
@click.argument("url", required=False)
def api(it: Invocation, url: str | None) -> None:
    """Set or show the API to talk to.

    Without a scheme, https is meant, and http for this machine.
    """
    from zf.client.http import Http, api_url
    from zf.client.login import discover

    if url:
        http = Http(api_url(url))
        found = discover(http)
        http.close()
        if it.config.api != found.api:
            it.config = found
            configs.save(it.home, found)
    if not it.config.api:
        raise ZfError("No API is set", "Set it: zf api URL, or start a cloud here: zf local up")
    it.console.say(f"API   {it.config.api}")
    if not it.config.access_token:
        it.console.say("      Not logged in. Log in with: zf login")
    it.console.result({"api": it.config.api, "user": it.config.user or None})


@command(
    "login",
    "zf login -a http://localhost:8080",
    "zf login -a https://api.example.com -u ada -o lab -s dev",
)
@click.option("-a", "--api", "url", metavar="URL", help="The API; the one set before if left out.")
@click.option("-u", "--username", envvar="ZF_USERNAME", show_envvar=True, help="Asked for if left out.")
@click.option("-p", "--password", envvar="ZF_PASSWORD", show_envvar=True, help="Asked for if left out; better so.")
@click.option("-o", "--org", help="Org to target.")
@click.option("-s", "--space", help="Space to target.")
def login(
    it: Invocation, url: str | None, username: str | None, password: str | None, org: str | None, space: str | None
) -> None:
    """Log in and choose org and space.

    An only org, and an only space in it, are targeted without being asked for.
    """
    from zf.client.login import log_in

    url = url or it.config.api
    if not url:
        raise UsageError("No API is set", "Give its address: zf login -a URL")
    if not (username and password):
        _require_an_api(url)
    username = username or _ask("Username", "-u or ZF_USERNAME")
    password = password or _ask("Password", "ZF_PASSWORD", hidden=True)
    it.config = log_in(it.home, url, username, password)
    _choose(it, org, space)
    show_target(it)


@command("logout", "zf logout")
def logout(it: Invocation) -> None:
    """Forget the login; the API stays set."""
    config = it.config.logged_out()
    configs.save(it.home, config)
    it.console.say(f"Logged out of {config.api}." if config.api else "Logged out.")
    it.console.result({"api": config.api or None, "user": None})


@command("target", "zf target", "zf target -o lab -s dev", "zf target -s test")
@click.option("-o", "--org", help="Org to target.")
@click.option("-s", "--space", help="Space to target.")
def target(it: Invocation, org: str | None, space: str | None) -> None:
    """Set or show org and space."""
    _ = it.api  # who is not logged in has no target
    if org or space:
        _choose(it, org, space)
    show_target(it)


def show_target(it: Invocation) -> None:
    config = it.config
    org, space = (asdict(place) if place else None for place in (config.org, config.space))
    it.console.result({"api": config.api, "user": config.user, "org": org, "space": space})
    it.console.say(f"API    {config.api}")
    it.console.say(f"User   {config.user}")
    it.console.say(f"Org    {config.org.name if config.org else 'none; choose one: zf orgs, zf target -o ORG'}")
    if config.org:
        way = "none; choose one: zf spaces, zf target -s SPACE"
        it.console.say(f"Space  {config.space.name if config.space else way}")


def _require_an_api(url: str) -> None:
    """Nobody shall type a password before a wrong address is told."""
    from zf.client.http import Http, api_url
    from zf.client.login import discover

    http = Http(api_url(url))
    try:
        discover(http)
    finally:
        http.close()


def _choose(it: Invocation, org_name: str | None, space_name: str | None) -> None:
    """Targets what is named, keeps what was targeted and is still there, or takes the only one there is."""
    api = it.api
    org = api.org(org_name) if org_name else _kept_or_only(it.config.org, api.orgs())
    if org is None and space_name:
        raise UsageError("A space is in an org, and none is targeted", "Name it: -o ORG -s SPACE")
    space = None
    if org:
        space = _space(api, it, org, space_name)
    it.update(org=org, space=space)


def _space(api: "Api", it: Invocation, org: Named, name: str | None) -> Named | None:
    if name:
        return api.space(org, name)
    before = it.config.space if it.config.org == org else None
    return _kept_or_only(before, api.spaces(org))


def _kept_or_only(before: Named | None, there: list[Named]) -> Named | None:
    if before and any(one.guid == before.guid for one in there):
        return before
    return there[0] if len(there) == 1 else None


def _ask(what: str, how: str, hidden: bool = False) -> str:
    if not sys.stdin.isatty():
        raise UsageError(f"{what} is missing, and there is no terminal to ask", f"Give it by {how}")
    answer: Any = click.prompt(what, hide_input=hidden, err=True)
    return str(answer)
