"""Logging in and staying so: the UAA's password and refresh grants, and the tokens of the config file."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from zf.client import config as configs
from zf.client.config import Config
from zf.client.errors import BadAnswerError, NotLoggedInError
from zf.client.http import Http, Json, api_url, parsed, raise_for

#: Renew when the token ends within this time, in seconds; half of what a minute's token lives.
MARGIN_S = 30
#: The public client of every Cloud Foundry command line: id "cf", empty secret.
BASIC = "Basic " + base64.b64encode(b"cf:").decode()


class Login:
    """The tokens of one config file, renewed in memory and on disk. Fits http.Tokens."""

    def __init__(self, home: Path, config: Config, now: Callable[[], float] = time.time) -> None:
        self._home, self.config, self._now = home, config, now
        self._renewed = ""

    def token(self, http: Http) -> str:
        token = self.config.access_token
        if not token:
            raise NotLoggedInError(api=self.config.api)
        ends = claims(token).get("exp")
        # A token just renewed that looks old means that the clocks differ: let the API judge.
        if isinstance(ends, int | float) and ends - self._now() < MARGIN_S and token != self._renewed:
            return self.renew(http, token)
        return token

    def renew(self, http: Http, stale: str) -> str:
        """A newer token than `stale`: another `zf` may have put one into the file; else by the refresh token."""
        on_disk = configs.load(self._home)
        if on_disk.api == self.config.api and on_disk.access_token not in ("", stale, self._renewed):
            self._keep(on_disk.access_token, on_disk.refresh_token)
            return on_disk.access_token
        if not self.config.refresh_token:
            raise NotLoggedInError("The login has ended", self.config.api)
        form = {"grant_type": "refresh_token", "refresh_token": self.config.refresh_token}
        answer = grant(http, self.config.login_url, form, refused="The login has ended")
        self._keep(answer["access_token"], answer.get("refresh_token") or self.config.refresh_token)
        configs.save(self._home, self.config)
        return self.config.access_token

    def _keep(self, access: str, refresh: str) -> None:
        self.config = replace(self.config, access_token=access, refresh_token=refresh)
        self._renewed = access


def claims(token: str) -> Json:
    """What a JWT says, unverified; {} when it is none."""
    try:
        payload = token.split(".")[1]
        said: Any = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return said if isinstance(said, dict) else {}
    except (IndexError, ValueError):
        return {}


def grant(http: Http, login_url: str, form: dict[str, str], refused: str) -> Json:
    """Raises NotLoggedInError with the words `refused` when the UAA does not accept the form."""
    response = http.send(
        "POST", f"{login_url}/oauth/token", auth=False, safe=True, data=form, headers={"Authorization": BASIC}
    )
    if response.status_code in (400, 401):
        raise NotLoggedInError(refused, http.api)
    raise_for(response, login_url)
    answer = parsed(response, login_url)
    if not isinstance(answer.get("access_token"), str):
        raise BadAnswerError(f"{login_url} gave no token", "Check the address: zf api URL")
    return answer


def discover(http: Http) -> Config:
    """What `GET /` says about where things are. Raises BadAnswerError when it is no Cloud Foundry API."""
    response = http.send("GET", "/", auth=False)
    if response.status_code >= 500:
        raise_for(response, http.api)
    links = parsed(response, http.api).get("links")
    if not isinstance(links, dict) or not (_href(links, "login") or _href(links, "uaa")):
        raise BadAnswerError(
            f"{http.api} does not answer like a Cloud Foundry API", "Set the right address: zf api URL"
        )
    login = _href(links, "login") or _href(links, "uaa")
    return Config(api=http.api, login_url=login, log_cache_url=_href(links, "log_cache") or http.api)


def log_in(home: Path, url: str, username: str, password: str) -> Config:
    """Checks the API, asks for tokens and writes the config file. The old org and space stay if it is the same API.

    The local cloud calls this after it is up. Raises UnreachableError, BadAnswerError, NotLoggedInError.
    """
    http = Http(api_url(url))
    try:
        found = discover(http)
        form = {"grant_type": "password", "username": username, "password": password}
        answer = grant(http, found.login_url, form, refused="The credentials were rejected")
    finally:
        http.close()
    access = answer["access_token"]
    user = str(claims(access).get("user_name") or username)
    before = configs.load(home)
    kept = before if before.api == found.api and before.user == user else Config()
    logged_in = replace(
        found,
        user=user,
        access_token=access,
        refresh_token=str(answer.get("refresh_token") or ""),
        org=kept.org,
        space=kept.space,
    )
    configs.save(home, logged_in)
    return logged_in


def _href(links: Json, name: str) -> str:
    link = links.get(name)
    href = link.get("href") if isinstance(link, dict) else None
    return href.rstrip("/") if isinstance(href, str) else ""
