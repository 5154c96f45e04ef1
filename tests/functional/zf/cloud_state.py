"""What a small Cloud Foundry remembers: enough of the v3 API's behaviour for `zf`, all in memory."""

import base64
import hashlib
import io
import json
import time
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import yaml

Json = dict[str, Any]
MB = 1024 * 1024


def token(user: str, lifetime_s: float, number: int) -> str:
    claims = {"user_name": user, "exp": int(time.time() + lifetime_s), "jti": str(number)}
    return ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims, {})
    )


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Refused(Exception):
    def __init__(self, status: int, code: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.error = status, {"code": code, "title": title, "detail": detail}


@dataclass
class State:
    """Scripts: staging and starting say how those end; token_lifetime_s how long logins last."""

    users: dict[str, str] = field(default_factory=lambda: {"ada": "secret"})
    token_lifetime_s: float = 600
    staging: str = "ok"
    staging_log: list[str] = field(default_factory=lambda: ["-----> Static files detected", "-----> Done"])
    starting: str = "ok"
    polls_until_done: int = 1
    warnings: list[Json] = field(default_factory=list)

    orgs: dict[str, Json] = field(default_factory=dict)
    spaces: dict[str, Json] = field(default_factory=dict)
    apps: dict[str, Json] = field(default_factory=dict)
    processes: dict[str, Json] = field(default_factory=dict)
    routes: dict[str, Json] = field(default_factory=dict)
    domains: dict[str, Json] = field(default_factory=dict)
    packages: dict[str, Json] = field(default_factory=dict)
    builds: dict[str, Json] = field(default_factory=dict)
    jobs: dict[str, Json] = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)
    logs: dict[str, list[Json]] = field(default_factory=dict)
    pool: set[tuple[str, int]] = field(default_factory=set)
    zips: list[bytes] = field(default_factory=list)
    manifests: list[Json] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    _numbers: Any = field(default_factory=count)

    def __post_init__(self) -> None:
        org = self.add_org("lab")
        self.add_space("dev", org["guid"])
        guid = self.guid("domain")
        self.domains[guid] = {"guid": guid, "name": "localhost"}

    def guid(self, kind: str) -> str:
        return f"{kind}-{next(self._numbers)}"

    # Login

    def grant(self, form: dict[str, str]) -> Json:
        if form.get("grant_type") == "password":
            user = form.get("username", "")
            if self.users.get(user) != form.get("password"):
                raise Refused(401, 0, "unauthorized", "Bad credentials")
        else:
            user = self.refresh_tokens.get(form.get("refresh_token", ""), "")
            if not user:
                raise Refused(401, 0, "invalid_token", "refused")
        access, refresh = token(user, self.token_lifetime_s, next(self._numbers)), self.guid("refresh")
        self.tokens.add(access)
        self.refresh_tokens[refresh] = user
        return {"access_token": access, "refresh_token": refresh, "token_type": "bearer"}

    # Places and apps

    def add_org(self, name: str) -> Json:
        org = {"guid": self.guid("org"), "name": name}
        self.orgs[org["guid"]] = org
        return org

    def add_space(self, name: str, org: str) -> Json:
        space = {"guid": self.guid("space"), "name": name, "relationships": {"organization": {"data": {"guid": org}}}}
        self.spaces[space["guid"]] = space
        return space

    def add_app(self, name: str, space: str) -> Json:
        guid = self.guid("app")
        app = {
            "guid": guid,
            "name": name,
            "state": "STOPPED",
            "created_at": now(),
            "updated_at": now(),
            "lifecycle": {"type": "buildpack", "data": {"buildpacks": [], "stack": "cflinuxfs4"}},
            "relationships": {"space": {"data": {"guid": space}}, "current_droplet": {"data": None}},
            "env": {},
        }
        self.apps[guid] = app
        process = {
            "guid": self.guid("process"),
            "type": "web",
            "command": None,
            "instances": 1,
            "memory_in_mb": 256,
            "disk_in_mb": 1024,
            "health_check": {"type": "port", "data": {"timeout": None}},
            "relationships": {"app": {"data": {"guid": guid}}},
        }
        self.processes[process["guid"]] = process
        return app

    def add_running_app(self, name: str, space: str) -> Json:
        """As a push leaves it."""
        app = self.add_app(name, space)
        self.map(self.add_route(space, f"{name}.localhost")["guid"], app["guid"])
        guid = self.guid("package")
        self.packages[guid] = {"guid": guid, "state": "READY", "data": {}, "app": app["guid"], "created_at": now()}
        app["relationships"]["current_droplet"] = {"data": {"guid": self.guid("droplet")}}
        self.start(app["guid"])
        app["polls"] = self.polls_until_done
        return app

    def app_named(self, name: str) -> Json:
        return next(app for app in self.apps.values() if app["name"] == name)

    def apply(self, space: str, text: str) -> Json:
        manifest = yaml.safe_load(text)
        self.manifests.append(manifest)
        errors = []
        for one in manifest["applications"]:
            if one.get("memory") == "99999G":
                detail = f"For application '{one['name']}': memory must be less than or equal to 1 TB"
                errors.append({"code": 10008, "title": "CF-UnprocessableEntity", "detail": detail})
        if not errors:
            for one in manifest["applications"]:
                self._apply_one(space, one)
        return self.add_job(errors)

    def _apply_one(self, space: str, one: Json) -> None:
        found = [app for app in self.apps.values() if app["name"] == one["name"]]
        app = found[0] if found else self.add_app(one["name"], space)
        web = self.web_of(app["guid"])
        web["instances"] = one.get("instances", web["instances"])
        app["env"] |= one.get("env") or {}
        wanted = [route["route"] for route in one.get("routes") or ()]
        if one.get("default-route") and not self.routes_of(app["guid"]):
            wanted = [f"{one['name']}.localhost"]
        for url in wanted:
            self.map(self.add_route(space, url)["guid"], app["guid"])

    def web_of(self, app: str) -> Json:
        return next(one for one in self.processes.values() if one["relationships"]["app"]["data"]["guid"] == app)

    def add_job(self, errors: list[Json]) -> Json:
        job = {"guid": self.guid("job"), "errors": errors, "polls": self.polls_until_done}
        self.jobs[job["guid"]] = job
        return job

    def job(self, guid: str) -> Json:
        job = self.jobs[guid]
        job["polls"] -= 1
        state = "PROCESSING" if job["polls"] >= 0 else "FAILED" if job["errors"] else "COMPLETE"
        errors = job["errors"] if state == "FAILED" else []
        return {"guid": guid, "state": state, "errors": errors, "warnings": self.warnings}

    # Routes

    def add_route(self, space: str, url: str) -> Json:
        for route in self.routes.values():
            if route["url"] == url:
                return route
        full, _, path = url.partition("/")
        host = full.removesuffix("localhost").rstrip(".")
        route = {"guid": self.guid("route"), "url": url, "host": host, "path": f"/{path}" if path else ""}
        route |= {"space": space, "destinations": []}
        self.routes[route["guid"]] = route
        return route

    def map(self, route: str, app: str) -> None:
        to = self.routes[route]["destinations"]
        if not any(one["app"]["guid"] == app for one in to):
            to.append({"guid": self.guid("destination"), "app": {"guid": app, "process": {"type": "web"}}})

    def routes_of(self, app: str) -> list[Json]:
        return [r for r in self.routes.values() if any(to["app"]["guid"] == app for to in r["destinations"])]

    # Bits, staging, starting

    def upload(self, package: str, resources: list[Json], bits: bytes) -> Json:
        if bits:
            with zipfile.ZipFile(io.BytesIO(bits)) as archive:
                for info in archive.infolist():
                    self.pool.add((hashlib.sha1(archive.read(info)).hexdigest(), info.file_size))
            self.zips.append(bits)
        self.packages[package] |= {"state": "PROCESSING_UPLOAD", "resources": resources, "polls": self.polls_until_done}
        return self.packages[package]

    def package(self, guid: str) -> Json:
        package = self.packages[guid]
        package["polls"] = package.get("polls", 0) - 1
        if package["state"] == "PROCESSING_UPLOAD" and package["polls"] < 0:
            package["state"] = "READY"
        return package

    def add_build(self, package: str) -> Json:
        app = self.packages[package]["app"]
        build = {
            "guid": self.guid("build"),
            "package": package,
            "app": app,
            "created_at": now(),
            "state": "STAGING",
            "polls": 0,
            "said": 0,
        }
        self.builds[build["guid"]] = build
        return build

    def build(self, guid: str) -> Json:
        """Each look at a build lets it say one line more."""
        build = self.builds[guid]
        if build["state"] != "STAGING":
            return build
        if build["said"] < len(self.staging_log):
            self.say(build["app"], self.staging_log[build["said"]], "STG")
            build["said"] += 1
        elif self.staging == "ok":
            build |= {"state": "STAGED", "droplet": {"guid": self.guid("droplet")}}
        else:
            detail = "NoAppDetectedError - An app was not successfully detected by any available buildpack"
            build |= {"state": "FAILED", "error": detail}
        return build

    def say(self, app: str, text: str, source: str, instance: str = "0", at: int | None = None) -> None:
        self.logs.setdefault(app, []).append(
            {
                "timestamp": str(at or time.time_ns()),
                "source_id": app,
                "instance_id": instance,
                "tags": {"source_type": source},
                "log": {"payload": base64.b64encode(text.encode()).decode(), "type": "OUT"},
            }
        )

    def read_log(self, app: str, query: dict[str, str]) -> Json:
        lines = sorted(self.logs.get(app, []), key=lambda line: int(line["timestamp"]))
        start = int(query.get("start_time", -(1 << 62)))
        lines = [line for line in lines if int(line["timestamp"]) >= start]
        if query.get("descending") == "true":
            lines.reverse()
        return {"envelopes": {"batch": lines[: int(query.get("limit", 100))]}}

    def start(self, app: str) -> None:
        self.apps[app] |= {"state": "STARTED", "updated_at": now(), "polls": 0}
        if self.starting == "crash":
            self.say(app, "Traceback: no such module", "APP/PROC/WEB")
            self.say(app, "Exit status 1", "CELL")

    def stats(self, process: Json) -> list[Json]:
        app = self.apps[process["relationships"]["app"]["data"]["guid"]]
        if app["state"] != "STARTED":
            return []
        app["polls"] = app.get("polls", 0) + 1
        early = app["polls"] <= self.polls_until_done
        state = "STARTING" if early else {"ok": "RUNNING", "crash": "CRASHED", "no room": "DOWN"}[self.starting]
        details = {"CRASHED": "exit status 1", "DOWN": "insufficient resources"}.get(state)
        return [
            {
                "type": process["type"],
                "index": index,
                "state": state,
                "uptime": 3,
                "usage": {"cpu": 0.01, "mem": 20 * MB, "disk": MB} if state == "RUNNING" else {},
                "mem_quota": process["memory_in_mb"] * MB,
                "disk_quota": process["disk_in_mb"] * MB,
                "details": details,
                "host": "127.0.0.1",
                "instance_ports": [{"external": 20000 + index, "internal": 8080}],
            }
            for index in range(process["instances"])
        ]
