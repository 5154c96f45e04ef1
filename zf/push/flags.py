"""The flags of `zf push` laid over a manifest, or alone when there is none."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zf.client.errors import UsageError
from zf.push import manifest_keys as keys
from zf.push.spec import AppSpec

#: What -b takes for "let the platform detect it".
DETECT = ("default", "null")


@dataclass(frozen=True, slots=True)
class Flags:
    """None, empty or False: not given."""

    path: Path | None = None
    docker_image: str | None = None
    docker_username: str | None = None
    memory: str | None = None
    disk: str | None = None
    instances: int | None = None
    command: str | None = None
    buildpacks: tuple[str, ...] = ()
    stack: str | None = None
    no_route: bool = False
    random_route: bool = False
    routes: tuple[str, ...] = ()
    health_check_type: str | None = None
    health_check_http_endpoint: str | None = None
    timeout: int | None = None


def check(flags: Flags) -> None:
    """Raises UsageError with what a flag must be."""
    for name, value, wrong in (
        ("-m", flags.memory, keys.size),
        ("-k", flags.disk, keys.size),
        ("--health-check-http-endpoint", flags.health_check_http_endpoint, keys.endpoint),
    ):
        if value is not None and (must := wrong(value)):
            raise UsageError(f"{name} is '{value}'; it must be {must}", "See: zf push --help")
    for route in flags.routes:
        if not keys.route(route):
            raise UsageError(f"--route is '{route}'; it must be HOST.DOMAIN/PATH", "Leave out http://")
    if flags.docker_image and (flags.path or flags.buildpacks or flags.stack):
        raise UsageError(
            "--docker-image stands instead of -p, -b and -s", "Leave those away: the image has all its files"
        )
    if flags.docker_username and not flags.docker_image:
        raise UsageError("--docker-username is for --docker-image", "Name the image: zf push NAME -o IMAGE")
    if flags.no_route + flags.random_route + bool(flags.routes) > 1:
        raise UsageError("--no-route, --random-route and --route contradict each other", "Keep one of them")


def choose(apps: tuple[AppSpec, ...], name: str | None, flags: Flags) -> tuple[AppSpec, ...]:
    """The apps to push: all of the manifest's, or the one named, with the flags laid over it."""
    if name is not None and apps:
        named = tuple(app for app in apps if app.name == name)
        if not named and len(apps) > 1:
            known = ", ".join(app.name for app in apps)
            raise UsageError(
                f"The manifest has no app '{name}'", f"It has {known}; without a manifest: zf push {name} -p FOLDER"
            )
        # A manifest of one app may be pushed under another name.
        apps = named or (replace(apps[0], name=name, body={**apps[0].body, "name": name}),)
    elif name is not None:
        apps = (AppSpec(name, {"name": name}, Path()),)
    if len(apps) > 1 and flags != Flags():
        raise UsageError(
            f"The flags are for one app, but the manifest has {len(apps)}", "Name the app: zf push NAME ..."
        )
    return tuple(_routed(overlaid(app, flags)) for app in apps)


def overlaid(app: AppSpec, flags: Flags) -> AppSpec:
    body = dict(app.body)
    given: dict[str, Any] = {
        "memory": flags.memory,
        "disk-quota": flags.disk,
        "instances": flags.instances,
        "health-check-type": flags.health_check_type,
        "health-check-http-endpoint": flags.health_check_http_endpoint,
        "timeout": flags.timeout,
    }
    changes = {key: value for key, value in given.items() if value is not None}
    if flags.command is not None:
        changes["command"] = None if flags.command == "null" else flags.command
    web = next((one for one in body.get("processes") or () if one.get("type") == "web"), None)
    if web is None:
        body = _changed(body, changes)
    else:
        body["processes"] = [_changed(one, changes) if one is web else one for one in body["processes"]]
    if flags.buildpacks:
        body.pop("buildpack", None)
        body["buildpacks"] = [] if flags.buildpacks[0] in DETECT else list(flags.buildpacks)
    if flags.docker_image:
        named = {"username": flags.docker_username} if flags.docker_username else {}
        body = {
            key: value for key, value in body.items() if key not in ("buildpack", "buildpacks", "stack", "lifecycle")
        }
        body["docker"] = {"image": flags.docker_image, **named}
    if flags.stack:
        body["stack"] = flags.stack
    if flags.no_route or flags.random_route or flags.routes:
        for key in ("no-route", "random-route", "default-route", "routes"):
            body.pop(key, None)
        body |= {"no-route": True} if flags.no_route else {}
        body |= {"random-route": True} if flags.random_route else {}
        body |= {"routes": [{"route": route} for route in flags.routes]} if flags.routes else {}
    return AppSpec(app.name, body, flags.path or app.path)


def _changed(body: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in body.items() if key.replace("_", "-") not in changes}
    return {**kept, **changes}


def _routed(app: AppSpec) -> AppSpec:
    """An app whose routes nobody speaks of gets the default one: NAME.DOMAIN."""
    if any(key in app.body for key in ("no-route", "random-route", "default-route", "routes")):
        return app
    return replace(app, body={**app.body, "default-route": True})
