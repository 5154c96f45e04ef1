"""A client of the API, without sockets: requests go through the local gateway to Chalice as events, as on Lambda."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urlsplit

from chalicelib.bootstrap import World
from chalicelib.services import jobs, uaa, users
from infra.local.gateway import Gateway


@dataclass(frozen=True)
class Answered:
    """What came back. ``headers``: names in lower case."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> tuple[int, str, str]:
        """Code, title and detail of the only error."""
        (error,) = self.json["errors"]
        return error["code"], error["title"], error["detail"]

    @property
    def details(self) -> list[str]:
        return [error["detail"] for error in self.json["errors"]]

    @property
    def guid(self) -> str:
        return str(self.json["guid"])

    @property
    def guids(self) -> list[str]:
        """Of a list's resources."""
        return [resource["guid"] for resource in self.json["resources"]]


@dataclass(frozen=True)
class Client:
    """The API as one caller sees it. ``token``: an access token, or empty for an anonymous caller."""

    gateway: Gateway
    world: World
    token: str = ""
    user_guid: str = ""
    host: str = "api.localhost:8080"

    @cached_property
    def admin(self) -> "Client":
        """The platform's administrator."""
        return self.acting_as("admin")

    def user(self, name: str, **roles: str) -> "Client":
        """A new user with roles: ``api.user("dora", organization_user=org_guid, space_developer=space_guid)``."""
        users.create_user(self.world, name)
        client = self.acting_as(name)
        for role, target in roles.items():
            client.grant(role, target)
        return client

    def grant(self, role: str, target: str) -> str:
        """Give this caller a role in an organization or a space; returns the role's guid."""
        kind = role.partition("_")[0]
        relationships = {"user": {"data": {"guid": self.user_guid}}, kind: {"data": {"guid": target}}}
        answered = self.acting_as("admin").post("/v3/roles", json={"type": role, "relationships": relationships})
        assert answered.status == 201, answered.text
        return answered.guid

    def acting_as(self, username: str) -> "Client":
        user = users.by_username(username)
        assert user is not None, username
        token = uaa.user_token(self.world, user, "cf")
        return replace(self, token=token, user_guid=str(user.guid))

    def with_token(self, token: str) -> "Client":
        return replace(self, token=token)

    def get(self, path: str, **query: Any) -> Answered:
        """``query`` may also hold ``headers``."""
        return self.request("GET", path, headers=query.pop("headers", None), query=query)

    def post(self, path: str, json: Any = None, **more: Any) -> Answered:
        return self.request("POST", path, json=json, **more)

    def patch(self, path: str, json: Any = None, **more: Any) -> Answered:
        return self.request("PATCH", path, json=json, **more)

    def put(self, path: str, json: Any = None, **more: Any) -> Answered:
        return self.request("PUT", path, json=json, **more)

    def delete(self, path: str, **more: Any) -> Answered:
        return self.request("DELETE", path, **more)

    def request(
        self,
        method: str,
        path: str,
        json: Any = None,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answered:
        """``json``, ``form`` or ``body``; absolute addresses (of links) are taken by their path."""
        parts = urlsplit(path)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        if query:
            target += ("&" if parts.query else "?") + urlencode(query)
        sent = {"Host": self.host, "Content-Type": "application/json"} | dict(headers or {})
        if self.token:
            sent.setdefault("Authorization", f"bearer {self.token}")
        if form is not None:
            body, sent["Content-Type"] = urlencode(form), "application/x-www-form-urlencoded"
        elif json is not None:
            body = _dumps(json)
        raw = body.encode() if isinstance(body, str) else body or b""
        environ: dict[str, Any] = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in sent.items()}
        environ |= {
            "REQUEST_METHOD": method,
            "REQUEST_URI": target,
            "PATH_INFO": parts.path,
            "CONTENT_TYPE": sent["Content-Type"],
            "CONTENT_LENGTH": str(len(raw)),
            "wsgi.input": io.BytesIO(raw),
            "wsgi.url_scheme": "http",
        }
        started: list[Any] = []
        text = b"".join(self.gateway(environ, lambda *args: started.extend(args))).decode()
        return Answered(int(started[0][:3]), text, {name.lower(): value for name, value in started[1]})

    def finish(self, answered: Answered) -> dict[str, Any]:
        """Does the job that a 202 names, as the jobs function would; returns the job as the API shows it."""
        assert answered.status == 202, (answered.status, answered.text)
        guid = answered.headers["location"].rpartition("/")[2]
        jobs.run(self.world, guid)
        return dict(self.get(f"/v3/jobs/{guid}").json)


def _dumps(value: Any) -> str:
    return json.dumps(value)
