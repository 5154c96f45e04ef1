"""Manifests applied: apps and processes made or changed as they say, and routes mapped. Nothing is started.

What can be known to be wrong is known before anything is written; an application's row and processes change in
one transaction. Applying again goes on where a broken-off one ended.
"""

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.core import metadata
from chalicelib.core.errors import Conflict, PaasError, Unprocessable
from chalicelib.core.hostnames import wrong_with_host, wrong_with_path
from chalicelib.core.manifest import WEB, AppSpec
from chalicelib.core.manifest_process import ProcessSpec
from chalicelib.core.roles import Actor
from chalicelib.services import (
    apps,
    destinations,
    domains,
    environment,
    jobs,
    listing,
    processes,
    routes,
    routing,
    steps,
)
from chalicelib.services.steps import Step
from chalicelib.tables.apps import App
from chalicelib.tables.base import Name
from chalicelib.tables.identity import Domain, Space
from chalicelib.tables.ledger import Job
from chalicelib.tables.running import Process, Route
from chalicelib.tables.unit import Unit

#: Of one app, whatever its droplets and manifests have said over time.
MAX_PROCESSES = 32


@dataclass(frozen=True, slots=True)
class Wanted:
    """An app of the manifest with what there is of it, and its routes as drafts or as they are."""

    spec: AppSpec
    app: App | None
    routes: tuple[Route, ...]


def apply(world: World, actor: Actor, space: Space, specs: Sequence[AppSpec], trace: str = "") -> Job:
    """Done when it returns; the job that clients expect says how it went."""
    unit = world.unit(trace)
    job = jobs.done(unit, "space.apply_manifest")
    job.resource = {"kind": space.KIND, "guid": space.guid}
    job.warnings = [{"detail": warning} for spec in specs for warning in spec.warnings]
    try:
        for wanted in _plan(actor, space, specs):
            _attempt(world, actor, space, wanted, trace)
    except Conflict:
        raise
    except PaasError as error:
        job.state, job.errors = "FAILED", error.body()["errors"]
    unit.commit()
    return job


def _plan(actor: Actor, space: Space, specs: Sequence[AppSpec]) -> list[Wanted]:
    """Look at everything that the manifest touches. Raises Unprocessable with all that cannot be."""
    there = _present(space, (spec.name for spec in specs))
    plan: list[Wanted] = []
    wrong: list[str] = []
    for spec in specs:
        app = there.get(spec.name.lower())
        try:
            if app is not None and app.name != spec.name:
                raise apps.taken(spec.name)
            plan.append(Wanted(spec, app, tuple(_route(actor, space, url) for url in spec.urls)))
        except PaasError as error:
            wrong += _about(spec, error).details
    if wrong:
        raise Unprocessable(*wrong)
    return plan


def _present(space: Space, names: Iterable[str]) -> dict[str, App]:
    """The apps of these names that there are, whatever the case, by name in lower case."""
    keys = sorted({(apps.scope(str(space.guid)), name.lower()) for name in names})
    guids = [str(item.guid) for item in Name.batch_get(keys, consistent_read=True)]
    return {str(app.name).lower(): app for app in listing.load(App, guids)}


def _about(spec: AppSpec, error: PaasError) -> Unprocessable:
    return Unprocessable(*(f"For application '{spec.name}': {detail}" for detail in error.details))


def _attempt(world: World, actor: Actor, space: Space, wanted: Wanted, trace: str) -> None:
    try:
        app = _apply_app(world, actor, space, wanted, trace)
        _apply_routes(world, actor, space, app, wanted, trace)
    except Conflict:
        raise
    except PaasError as error:
        raise _about(wanted.spec, error) from None


def present(world: World, space: Space, names: Iterable[str]) -> dict[str, AppSpec]:
    """What there is of these apps, by their names in lower case, as a manifest would say it."""
    return {name: describe(world, app) for name, app in _present(space, names).items()}


def describe(world: World, app: App) -> AppSpec:
    """The app as the manifest that would make it."""
    return AppSpec(
        name=str(app.name),
        processes=tuple(map(_described, processes.current(str(app.guid)).values())),
        buildpacks=tuple(app.buildpacks or ()),
        stack=str(app.stack),
        env=environment.read(world, str(app.guid)),
        metadata={kind: dict(getattr(app, kind)) for kind in metadata.KINDS if getattr(app, kind)},
        urls=tuple(str(route.url) for route in routing.mapped_routes(str(app.guid))),
    )


def _described(process: Process) -> ProcessSpec:
    sizes = {name: int(getattr(process, name)) for name in ("instances", "memory_mb", "disk_mb", "log_rate_bytes")}
    command = {"command": str(process.command)} if process.command else {}
    return ProcessSpec(str(process.type), sizes | command, dict(process.health or {}), dict(process.readiness or {}))


# -- the app and its processes -----------------------------------------------------------------------------


def _apply_app(world: World, actor: Actor, space: Space, wanted: Wanted, trace: str) -> App:
    spec = wanted.spec
    app = wanted.app or App(name=spec.name, space_guid=str(space.guid))
    if spec.buildpacks is not None:
        app.buildpacks = list(spec.buildpacks)
    app.stack = spec.stack or app.stack
    if wrong := _merge_metadata(app, spec.metadata):
        raise Unprocessable(*wrong)
    if wanted.app is None:
        _create(world, actor, space, app, spec, trace)
    else:
        _change(world, actor, space, app, spec, trace)
    return app


def _merge_metadata(app: App, changes: Mapping[str, Any]) -> list[str]:
    wrong: list[str] = []
    for kind, change in changes.items():
        merged, problems = metadata.merged(kind, getattr(app, kind) or {}, change)
        setattr(app, kind, merged)
        wrong += problems
    return wrong


def _create(world: World, actor: Actor, space: Space, app: App, spec: AppSpec, trace: str) -> None:
    unit = world.unit(trace)
    apps.add(world, unit, actor, app, space, environment.merged({}, spec.env))
    web = () if any(item.type == WEB for item in spec.processes) else (ProcessSpec(WEB),)
    for item in (*web, *spec.processes):
        unit.create(_shaped(processes.draft(app, item.type), item))
    unit.commit()


def _shaped(process: Process, spec: ProcessSpec) -> Process:
    for name, value in _changes(process, spec).items():
        setattr(process, name, value)
    return process


def _change(world: World, actor: Actor, space: Space, app: App, spec: AppSpec, trace: str) -> None:
    variables = environment.merged(environment.read(world, str(app.guid)), spec.env) if spec.env else None

    def change_app(unit: Unit) -> None:
        if variables is not None:
            environment.write(world, unit, str(app.guid), variables)
        unit.put(app)
        apps.record(unit, actor, "apply_manifest", app, space, {"request": {"name": app.name}})

    present = processes.current(str(app.guid))
    if len(present.keys() | {item.type for item in spec.processes}) > MAX_PROCESSES:
        raise Unprocessable(f"An app can have at most {MAX_PROCESSES} processes")
    changing = [_changing(world, app, present.get(item.type), item) for item in spec.processes]
    steps.commit(world, [*changing, (3, change_app)], trace)


def _changing(world: World, app: App, process: Process | None, spec: ProcessSpec) -> Step:
    def step(unit: Unit) -> None:
        if process is None:
            unit.create(_shaped(processes.joining(app, spec.type), spec))
        else:
            processes.resize(world, unit, app, process, _changes(process, spec))

    return processes.START_COST if process else processes.CREATE_COST, step


def _changes(process: Process, spec: ProcessSpec) -> dict[str, Any]:
    """With the health checks merged into those that there are."""
    changes = dict(spec.changes)
    for name, said in (("health", spec.health), ("readiness", spec.readiness)):
        if said:
            merged = {**(getattr(process, name) or {}), **said}
            if merged.get("type") != "http":
                merged.pop("endpoint", None)
            changes[name] = merged
    return changes


# -- its routes --------------------------------------------------------------------------------------------


def _route(actor: Actor, space: Space, url: str) -> Route:
    """The route at ``url``, or a draft of it. Raises Unprocessable for one that cannot be."""
    host_name, slash, rest = url.partition("/")
    found = domains.split(host_name)
    if found is None or not domains.may_see(actor, found[1]) or not domains.usable_in(found[1], str(space.org_guid)):
        raise Unprocessable(f"The route '{url}' did not match any existing domains.")
    host, domain = found
    path = slash + rest if rest else ""
    if wrong := wrong_with_host(host) or wrong_with_path(path):
        raise Unprocessable(f"The route '{url}' is invalid: {wrong}")
    draft = _draft(space, domain, host, path)
    for route in routes.at([str(draft.url)]):
        if route.space_guid != space.guid:
            raise Unprocessable("Routes cannot be mapped to destinations in different spaces")
        return route
    return draft


def _draft(space: Space, domain: Domain, host: str, path: str = "") -> Route:
    return Route(
        host=host, path=path, domain_guid=str(domain.guid), domain_name=str(domain.name), space_guid=str(space.guid)
    )


def _apply_routes(world: World, actor: Actor, space: Space, app: App, wanted: Wanted, trace: str) -> None:
    spec = wanted.spec
    if spec.no_route:
        for route in routing.mapped_routes(str(app.guid)):
            left = [end for end in route.destinations if end["app"] != app.guid]
            destinations.replace(world, actor, route, space, left, trace)
        return
    needed = wanted.routes
    if not needed and (spec.random_route or spec.default_route):
        if wanted.app is not None and routing.mapped_routes(str(app.guid)):
            return
        needed = (_own_route(actor, space, app, spec),)
    for route in needed:
        there = route if route.guid else routes.create(world, actor, route, trace)
        end = {"guid": new_guid(), "app": str(app.guid), "process": WEB}
        destinations.replace(world, actor, there, space, [*there.destinations, end], trace)


def _own_route(actor: Actor, space: Space, app: App, spec: AppSpec) -> Route:
    """``<name>.<default domain>``, with something random in it when that is asked for."""
    domain = domains.default(str(space.org_guid))
    if domain is None:
        raise Unprocessable("There is no domain for the app's default route")
    host = re.sub(r"-+", "-", re.sub(r"[^a-z0-9-]+", "-", str(app.name).lower())).strip("-")
    if spec.random_route:
        host = f"{host[:50]}-{secrets.token_hex(3)}".strip("-")
    if not host:
        raise Unprocessable("The app's name has no letter or digit for a default route; give it routes")
    return _draft(space, domain, host) if spec.random_route else _route(actor, space, f"{host}.{domain.name}")
