"""Usage events: written in the transaction of what they tell, read in order by whoever makes bills."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from chalicelib.adapters.clock import new_guid, now, stamp
from chalicelib.core.errors import NotFound, Unprocessable
from chalicelib.services import listing
from chalicelib.services.listing import Page
from chalicelib.tables.apps import App, Build
from chalicelib.tables.identity import Space
from chalicelib.tables.running import DESIRED_SHARDS, Process, desired_list
from chalicelib.tables.services import ServiceBroker, ServiceInstance, ServiceOffering, ServicePlan
from chalicelib.tables.tasks import Task
from chalicelib.tables.unit import Unit
from chalicelib.tables.usage import APP, SERVICE, UsageEvent

#: As Cloud Foundry keeps them.
KEPT_S = 31 * 24 * 3600
#: Events that one list looks at, from its beginning on: whoever reads all goes on with ``after_guid``.
READ_AT_MOST = 50_000


def process_changed(unit: Unit, process: Process, app: App | None = None) -> None:
    """Tell that the process's desired state is another one than was told last. The caller saves the process."""
    told = process.told or {"state": "STOPPED", "instances": int(process.instances), "memory": int(process.memory_mb)}
    wants = {"state": str(process.state), "instances": int(process.instances), "memory": int(process.memory_mb)}
    if wants == told or wants["state"] == told["state"] == "STOPPED":
        return
    process.told = wants
    about = _where(str(process.app_guid), str(process.space_guid), app) | {
        "previous_state": told["state"],
        "process": {"guid": process.guid, "type": process.type},
        "memory": {"current": wants["memory"], "previous": told["memory"]},
        "instances": {"current": wants["instances"], "previous": told["instances"]},
    }
    _add(unit, APP, str(wants["state"]), about)


def task_changed(unit: Unit, task: Task, state: str, app: App | None = None) -> None:
    """``state``: TASK_STARTED or TASK_STOPPED."""
    memory = int(task.memory_mb)
    about = _where(str(task.app_guid), str(task.space_guid), app) | {
        "previous_state": "RUNNING" if state == "TASK_STOPPED" else None,
        "task": {"guid": task.guid, "name": task.name},
        "memory": {"current": memory, "previous": memory},
        "instances": {"current": 1, "previous": 1},
    }
    _add(unit, APP, state, about)


def build_changed(unit: Unit, build: Build, state: str, buildpack: str | None = None) -> None:
    """``state``: STAGING_STARTED, STAGING_STOPPED or BUILDPACK_SET. buildpack: the name of the one that was used."""
    memory = int(build.memory_mb)
    about = _where(str(build.app_guid), str(build.space_guid)) | {
        "previous_state": None if state == "STAGING_STARTED" else "STAGING",
        "buildpack": {"guid": None, "name": buildpack},
        "memory": {"current": memory, "previous": memory},
        "instances": {"current": 1, "previous": 1},
    }
    _add(unit, APP, state, about)


def service_changed(unit: Unit, instance: ServiceInstance, state: str) -> None:
    """``state``: CREATED, UPDATED or DELETED."""
    _add(unit, SERVICE, state, _of_service(instance))


def _where(app_guid: str, space_guid: str, app: App | None = None) -> dict[str, Any]:
    """Names as they are now; empty of what is gone already."""
    app, space = app or listing.find(App, app_guid), listing.find(Space, space_guid)
    return {
        "app": {"guid": app_guid, "name": str(app.name) if app else ""},
        "space": {"guid": space_guid, "name": str(space.name) if space else ""},
        "organization": {"guid": str(space.org_guid) if space else None},
    }


def _of_service(instance: ServiceInstance) -> dict[str, Any]:
    space = listing.find(Space, str(instance.space_guid))
    type_ = "managed_service_instance" if instance.is_managed else "user_provided_service_instance"
    about: dict[str, Any] = {
        "space": {"guid": instance.space_guid, "name": str(space.name) if space else ""},
        "organization": {"guid": str(space.org_guid) if space else None},
        "service_instance": {"guid": instance.guid, "name": instance.name, "type": type_},
    }
    for name, found in (
        ("service_plan", instance.plan_guid and listing.find(ServicePlan, str(instance.plan_guid))),
        ("service_offering", instance.offering_guid and listing.find(ServiceOffering, str(instance.offering_guid))),
        ("service_broker", instance.broker_guid and listing.find(ServiceBroker, str(instance.broker_guid))),
    ):
        about[name] = {"guid": found.guid, "name": found.name} if found else {"guid": None, "name": None}
    return about


def _add(unit: Unit, kind: str, state: str, about: dict[str, Any]) -> None:
    unit.put(_event(kind, state, about))


def _event(kind: str, state: str, about: dict[str, Any]) -> UsageEvent:
    guid, created_at = new_guid(), stamp()
    return UsageEvent(
        guid,
        kind=kind,
        month=f"{kind}#{created_at[:7]}",
        place=f"{created_at}#{guid}",
        created_at=created_at,
        state=state,
        about=about,
        expires_at=int(now()) + KEPT_S,
    )


# -- reading ---------------------------------------------------------------------------------------------


def find(kind: str, guid: str) -> UsageEvent:
    """Raises NotFound("App usage event") and the like."""
    event = _find(kind, guid)
    if event is None:
        raise NotFound(f"{kind.capitalize()} usage event")
    return event


def _find(kind: str, guid: str) -> UsageEvent | None:
    try:
        event = UsageEvent.get(guid, consistent_read=True) if listing.is_possible(guid) else None
    except UsageEvent.DoesNotExist:
        return None
    return event if event is not None and event.kind == kind else None


def page(
    kind: str,
    number: int,
    per_page: int,
    descending: bool = False,
    after_guid: str | None = None,
    guids: Iterable[str] | None = None,
    moments: Iterable[Callable[[str], bool]] = (),
    test: Callable[[UsageEvent], bool] | None = None,
) -> Page:
    """``moments``: tests of created_at. ``test``: of the event itself, for which all of them are read.

    Raises Unprocessable for an ``after_guid`` that is none.
    """
    after = ""
    if after_guid is not None:
        event = _find(kind, after_guid)
        if event is None:
            raise Unprocessable(f"After guid filter must be a valid {kind} usage event guid.")
        after = str(event.place)
    places = [
        place
        for place in (_places(kind, after) if guids is None else _named(kind, guids, after))
        if all(holds(place.partition("#")[0]) for holds in moments)
    ]
    if descending:
        places.reverse()
    start, end = (number - 1) * per_page, number * per_page
    if test is None:
        shown: list[Any] = _load(places[start:end])
        return Page(shown, len(places))
    chosen: list[Any] = [event for event in _load(places) if test(event)]
    return Page(chosen[start:end], len(chosen))


def _places(kind: str, after: str) -> list[str]:
    """In order; at most READ_AT_MOST of those that come later than ``after``."""
    found: list[str] = []
    for month in _months():
        if month < after[:7]:
            continue
        later = UsageEvent.by_month.query(
            f"{kind}#{month}", UsageEvent.place > (after or "0"), limit=READ_AT_MOST - len(found)
        )
        found += [str(item.place) for item in later]
        if len(found) >= READ_AT_MOST:
            break
    return found


def _named(kind: str, guids: Iterable[str], after: str) -> list[str]:
    keys = sorted(filter(listing.is_possible, set(guids)))
    events = UsageEvent.batch_get(keys) if keys else ()
    return sorted(str(event.place) for event in events if event.kind == kind and str(event.place) > after)


def _load(places: list[str]) -> list[UsageEvent]:
    guids = [place.partition("#")[2] for place in places]
    found = {str(event.guid): event for event in UsageEvent.batch_get(guids)} if guids else {}
    return [found[guid] for guid in guids if guid in found]


def _months() -> list[str]:
    """``2026-10``, ``2026-11``: those of which events are kept, oldest first."""
    at, months = now() - KEPT_S, []
    while True:
        month = datetime.fromtimestamp(min(at, now()), UTC).strftime("%Y-%m")
        if month not in months:
            months.append(month)
        if at >= now():
            return months
        at += 7 * 24 * 3600


# -- starting anew ---------------------------------------------------------------------------------------


def reseed(kind: str) -> None:
    """Forget all events, and tell of what there is now as if it had begun this moment."""
    while places := _places(kind, ""):
        with UsageEvent.batch_write() as batch:
            for place in places:
                batch.delete(UsageEvent(place.partition("#")[2]))
    with UsageEvent.batch_write() as batch:
        for event in _present_apps() if kind == APP else _present_services():
            batch.save(event)


def _present_apps() -> Iterator[UsageEvent]:
    for shard in range(DESIRED_SHARDS):
        members = listing.members([desired_list(shard)])
        for process in listing.load(Process, [member.guid for member in members]):
            size = {"memory": int(process.memory_mb), "instances": int(process.instances)}
            same = {name: {"current": value, "previous": value} for name, value in size.items()}
            about = (
                _where(str(process.app_guid), str(process.space_guid))
                | same
                | {
                    "previous_state": "STARTED",
                    "process": {"guid": process.guid, "type": process.type},
                }
            )
            yield _event(APP, "STARTED", about)


def _present_services() -> Iterator[UsageEvent]:
    for instance in listing.all_of(ServiceInstance, ServiceInstance.KIND):
        yield _event(SERVICE, "CREATED", _of_service(instance))
