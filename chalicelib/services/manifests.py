"""Manifests applied: apps and processes made or changed as they say, and routes mapped. Nothing is started.

What can be known to be wrong is known before anything is written; an application's row and processes change in
one transaction. Applying again goes on where a broken-off one ended.
"""

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.contracts.frozen import frozen
from chalicelib.core import metadata
from chalicelib.core.errors import Conflict, PaasError, Unprocessable
from chalicelib.core.hostnames import MAX_HOST, wrong_with_host, wrong_with_path
from chalicelib.core.manifest import WEB, AppSpec
from chalicelib.core.manifest_parts import RouteSpec
from chalicelib.core.manifest_process import ProcessSpec
from chalicelib.core.roles import Actor
from chalicelib.core.route_words import random_suffix
from chalicelib.core.routing import protocol_of, wrong_protocol
from chalicelib.services import (
    apps,
    buildpacks,
    destinations,
    domains,
    environment,
    features,
    flags,
    jobs,
    listing,
    manifest_description,
    processes,
    routes,
    routing,
    sidecars,
    stacks,
    steps,
)
from chalicelib.services import secrets as secret_store
from chalicelib.services.brokering import bindings, instance_calls
from chalicelib.services.manifest_description import DOCKER
from chalicelib.services.steps import Step
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Domain, Secret, Space
from chalicelib.tables.ledger import Job
from chalicelib.tables.running import Process, Route
from chalicelib.tables.unit import Unit

OPERATION, BIND = "space.apply_manifest", "bind-services"

#: Of one app, whatever its droplets and manifests have said over time.
MAX_PROCESSES = 32


@frozen
class Wanted:
    """An app of the manifest with what there is of it, and its routes as drafts or as they are."""

    spec: AppSpec
    app: App | None
    routes: tuple[tuple[RouteSpec, Route], ...]


def apply(world: World, actor: Actor, space: Space, specs: Sequence[AppSpec], trace: str = "") -> Job:
    """All but the binding of services is done when it returns; the job that clients expect says how it went."""
    unit = world.unit(trace)
    failure: PaasError | None = None
    made: list[tuple[AppSpec, App]] = []
    try:
        plan = _plan(actor, space, specs)
        made = [(wanted.spec, _attempt(world, actor, space, wanted, trace)) for wanted in plan]
    except Conflict:
        raise
    except PaasError as error:
        failure = error
    binding = [(spec, app) for spec, app in made if spec.parts.services and not failure]
    if binding:
        job = _start_binding(world, unit, actor, binding)
    else:
        job = jobs.done(unit, OPERATION)
        if failure:
            job.state, job.errors = "FAILED", failure.body()["errors"]
    job.resource = {"kind": space.KIND, "guid": space.guid}
    job.warnings = [{"detail": warning} for spec in specs for warning in spec.warnings]
    unit.commit()
    return job


def _plan(actor: Actor, space: Space, specs: Sequence[AppSpec]) -> list[Wanted]:
    """Look at everything that the manifest touches. Raises Unprocessable with all that cannot be."""
    there = manifest_description.named(space, (spec.name for spec in specs))
    plan: list[Wanted] = []
    wrong: list[str] = []
    for spec in specs:
        app = there.get(spec.name.lower())
        try:
            _check(space, spec, app)
            found = tuple((said, _route(actor, space, said)) for said in spec.parts.routes if not spec.no_route)
            plan.append(Wanted(spec, app, found))
        except PaasError as error:
            wrong += _about(spec, error).details
    if wrong:
        raise Unprocessable(*wrong)
    return plan


def _check(space: Space, spec: AppSpec, app: App | None) -> None:
    """What an app's manifest says besides routes, against what there is. Raises PaasError."""
    if app is not None and app.name != spec.name:
        raise apps.taken(spec.name)
    wrong = list(buildpacks.wrong(spec.buildpacks or ()))
    if spec.stack and (problem := stacks.wrong(spec.stack)):
        wrong.append(problem)
    if spec.parts.docker and not flags.is_on("diego_docker"):
        wrong.append("Feature Disabled: diego_docker")
    if app is not None and app.lifecycle_type == DOCKER and spec.buildpacks is not None:
        wrong.append("Buildpacks cannot be configured for a docker lifecycle app.")
    if app is not None and app.lifecycle_type != DOCKER and spec.parts.docker:
        wrong.append("Docker cannot be configured for a buildpack lifecycle app.")
    for service in spec.parts.services:
        if listing.by_name(instance_calls.scope(str(space.guid)), service.name) is None:
            wrong.append(f"Service instance '{service.name[:60]}' not found")
    if wrong:
        raise Unprocessable(*wrong)


def _about(spec: AppSpec, error: PaasError) -> Unprocessable:
    return Unprocessable(*(f"For application '{spec.name}': {detail}" for detail in error.details))


def _attempt(world: World, actor: Actor, space: Space, wanted: Wanted, trace: str) -> App:
    parts = wanted.spec.parts
    try:
        app = _apply_app(world, actor, space, wanted, trace)
        wishes = [sidecars.Wish(one.name, one.command, one.process_types, one.memory_mb) for one in parts.sidecars]
        sidecars.set_sidecars(world, app, wishes, trace)
        _apply_routes(world, actor, space, app, wanted, trace)
    except Conflict:
        raise
    except PaasError as error:
        raise _about(wanted.spec, error) from None
    return app


# -- its services ------------------------------------------------------------------------------------------


def _start_binding(world: World, unit: Unit, actor: Actor, made: Iterable[tuple[AppSpec, App]]) -> Job:
    """Brokers are asked by a job; what it needs may hold secrets, so it is sealed."""
    job = jobs.start(unit, OPERATION, BIND, actor={"guid": actor.guid, "name": actor.name})
    wishes = [
        {"app": str(app.guid), "name": one.name, "binding_name": one.binding_name, "parameters": one.parameters}
        for spec, app in made
        for one in spec.parts.services
    ]
    secret_store.write(world, unit, str(job.guid), wishes)
    job.work = {**job.work, "secret": str(job.guid)}
    return job


@jobs.worker(BIND)
def _bind(world: World, work: dict[str, Any]) -> None:
    actor = Actor(**work["actor"])
    for wish in secret_store.read(world, work["secret"]) or ():
        app = listing.find(App, wish["app"])
        space = listing.find(Space, str(app.space_guid)) if app else None
        if app is None or space is None:
            continue
        try:
            bindings.bind_app(world, actor, app, space, wish["name"], wish["binding_name"], wish["parameters"])
        except Conflict:
            raise
        except PaasError as error:
            details = (f"For application '{app.name}': For service '{wish['name']}': {one}" for one in error.details)
            raise Unprocessable(*details) from None
    unit = world.unit()
    unit.delete(Secret(work["secret"]))
    unit.commit()


# -- the app and its processes -----------------------------------------------------------------------------


def _apply_app(world: World, actor: Actor, space: Space, wanted: Wanted, trace: str) -> App:
    spec = wanted.spec
    app = wanted.app or App(name=spec.name, space_guid=str(space.guid))
    if spec.buildpacks is not None:
        app.buildpacks = list(spec.buildpacks)
    if spec.parts.docker:
        app.lifecycle_type = DOCKER
    for name, enabled in spec.parts.features.items():
        features.set_feature(app, name, enabled)
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


def _route(actor: Actor, space: Space, said: RouteSpec) -> Route:
    """The route of this URL, or a draft of it. Raises Unprocessable for one that cannot be."""
    host_name, slash, rest = said.url.partition("/")
    found = domains.split(host_name)
    if found is None or not domains.may_see(actor, found[1]) or not domains.usable_in(found[1], str(space.org_guid)):
        raise Unprocessable(f"The route '{said.url}' did not match any existing domains.")
    host, domain = found
    path = slash + rest if rest else ""
    if wrong := wrong_with_host(host) or wrong_with_path(path):
        raise Unprocessable(f"The route '{said.url}' is invalid: {wrong}")
    if wrong := wrong_protocol([{"protocol": said.protocol}]):
        raise Unprocessable(f"For route '{said.url}': {wrong}")
    draft = _draft(space, domain, host, path)
    for route in routes.at([str(draft.url)]):
        if space.guid not in {str(route.space_guid), *(route.shared_space_guids or ())}:
            raise Unprocessable("Routes cannot be mapped to destinations in different spaces")
        return route
    flags.require(actor, "route_creation")
    draft.options = dict(said.options or {})
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
    for said, route in needed:
        there = route if route.guid else routes.create(world, actor, route, trace)
        if said.options is not None and dict(there.options or {}) != said.options:
            there.options = {**(there.options or {}), **said.options}
            routes.update(world, actor, there, space, trace)
        try:
            _map(world, actor, space, there, app, said.protocol, trace)
        except Unprocessable as error:
            raise Unprocessable(*(f"For route '{said.url}': {detail}" for detail in error.details)) from None


def _map(world: World, actor: Actor, space: Space, route: Route, app: App, protocol: str | None, trace: str) -> None:
    """To the app's web process, if no process of it is led to already; of those the protocol is as it is said."""
    mine = [end for end in route.destinations if end["app"] == app.guid]
    said = {"protocol": protocol} if protocol else {}
    if not mine:
        end = {"guid": new_guid(), "app": str(app.guid), "process": WEB, **said}
        destinations.add(world, actor, route, space, [end], trace)
    elif any(protocol_of(end) != (protocol or protocol_of(end)) for end in mine):
        changed = [{**end, **said} if end["app"] == app.guid else end for end in route.destinations]
        destinations.replace(world, actor, route, space, changed, trace)


def _own_route(actor: Actor, space: Space, app: App, spec: AppSpec) -> tuple[RouteSpec, Route]:
    """``<name>.<default domain>``, with random words in it when that is asked for."""
    domain = domains.default(str(space.org_guid))
    if domain is None:
        raise Unprocessable("No default domains available")
    host = re.sub(r"-+", "-", re.sub(r"[^a-z0-9-]+", "-", str(app.name).lower())).strip("-")
    if spec.random_route:
        words = random_suffix(secrets.choice)
        host = f"{host[: MAX_HOST - len(words) - 1]}-{words}".strip("-")
    if wrong := wrong_with_host(host) if host else "it has no letter or digit":
        raise Unprocessable(f"Failed to create default route from app name: {wrong}")
    said = RouteSpec(f"{host}.{domain.name}")
    return said, _draft(space, domain, host) if spec.random_route else _route(actor, space, said)
