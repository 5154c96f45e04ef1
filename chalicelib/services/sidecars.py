"""Sidecars: commands that run beside an app's processes, in the same container. They count from the next start on.

Those that a user makes, by the API or a manifest; what buildpacks might bring along is not taken.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.contracts.frozen import frozen
from chalicelib.contracts.runspec import SidecarSpec
from chalicelib.core.errors import NameTaken, NotFound, Unprocessable
from chalicelib.core.roles import READ, Actor
from chalicelib.services import access, listing
from chalicelib.services.steps import Step
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Space
from chalicelib.tables.running import Process
from chalicelib.tables.tasks import Sidecar
from chalicelib.tables.unit import Unit

#: Of one app. All that run beside a process are in its run specification.
MOST = 20
#: Operations of a unit that makes or removes one (row, lists, name), and that changes one (row, lists).
ONE_COST, CHANGED_COST = 4, 3


@frozen
class Wish:
    """What a manifest or a revision says of a sidecar. memory_mb None: no share of its own."""

    name: str
    command: str
    process_types: Sequence[str]
    memory_mb: int | None = None


def scope(app_guid: str) -> str:
    """Within which a sidecar's name is unique."""
    return f"app/{app_guid}/sidecars"


def taken(name: str) -> NameTaken:
    return NameTaken(f"Sidecar with name '{name}' already exists for given app")


def of_app(app_guid: str) -> list[Sidecar]:
    return listing.all_of(Sidecar, f"app/{app_guid}/{Sidecar.KIND}")


def wishes(documents: Iterable[Mapping[str, Any]]) -> list[Wish]:
    """Of the documents in which a revision keeps them."""
    return [Wish(one["name"], one["command"], one["process_types"], one["memory_in_mb"]) for one in documents]


def specs(sidecars: Iterable[Sidecar | Wish], process_type: str) -> tuple[SidecarSpec, ...]:
    """Those of them that run beside a process of this type."""
    return tuple(
        SidecarSpec(str(sidecar.name), str(sidecar.command))
        for sidecar in sidecars
        if process_type in sidecar.process_types
    )


def accessible(actor: Actor, guid: str, permission: str = READ) -> tuple[Sidecar, Space]:
    """Raises NotFound (also for what the actor may not see) or NotAuthorized."""
    sidecar = listing.find(Sidecar, guid)
    if sidecar is None:
        raise NotFound(Sidecar.LABEL)
    return sidecar, access.space_for(actor, str(sidecar.space_guid), permission, Sidecar.LABEL)


def create(world: World, app: App, sidecar: Sidecar, trace: str = "") -> Sidecar:
    """``sidecar``: a draft. Raises Unprocessable: its name is taken, or it wants too much of a process's memory."""
    present = of_app(str(app.guid))
    if len(present) >= MOST:
        raise Unprocessable(f"An app can have at most {MOST} sidecars")
    unit = world.unit(trace)
    _add(unit, app, sidecar, present)
    unit.commit()
    return sidecar


def _add(unit: Unit, app: App, sidecar: Sidecar, others: Iterable[Sidecar]) -> None:
    sidecar.guid, sidecar.app_guid, sidecar.space_guid = new_guid(), str(app.guid), str(app.space_guid)
    _check_memory(sidecar, others)
    unit.require(App, str(app.guid), NotFound(App.LABEL))
    unit.create(sidecar)
    unit.claim(scope(str(app.guid)), str(sidecar.name), str(sidecar.guid), taken(str(sidecar.name)))


def update(world: World, sidecar: Sidecar, former_name: str, trace: str = "") -> None:
    """Save what the caller changed; ``former_name``: before the change."""
    _check_memory(sidecar, of_app(str(sidecar.app_guid)))
    unit, name = world.unit(trace), str(sidecar.name)
    if name != former_name:
        unit.rename(sidecar, scope(str(sidecar.app_guid)), former_name, name, taken(name))
    unit.put(sidecar)
    unit.commit()


def set_sidecars(world: World, app: App, wishes: Iterable[Wish], trace: str = "") -> None:
    """As a manifest has it: those of these names are made or changed, others stay. Raises Unprocessable."""
    for wish in wishes:
        named = next((one for one in of_app(str(app.guid)) if str(one.name).lower() == wish.name.lower()), None)
        sidecar = named or Sidecar()
        former = str(sidecar.name or "")
        _set(sidecar, wish)
        if named is None:
            create(world, app, sidecar, trace)
        else:
            update(world, sidecar, former, trace)


def replacing(app: App, wanted: Iterable[Wish]) -> Step:
    """A part of a unit that saves the app as well, after which these and no others are its sidecars."""
    left = {str(sidecar.name).lower(): sidecar for sidecar in of_app(str(app.guid))}
    pairs = [(wish, left.pop(wish.name.lower(), None)) for wish in wanted]
    made = [wish for wish, there in pairs if there is None]
    changed = [(wish, there) for wish, there in pairs if there is not None and _wish(there) != wish]

    def step(unit: Unit) -> None:
        for surplus in left.values():
            _forget(unit, surplus)
        for wish in made:
            sidecar = _set(Sidecar(new_guid(), app_guid=str(app.guid), space_guid=str(app.space_guid)), wish)
            unit.create(sidecar)
            unit.claim(scope(str(app.guid)), wish.name, str(sidecar.guid), taken(wish.name))
        for wish, sidecar in changed:
            unit.put(_set(sidecar, wish))
            unit.enlist(sidecar)

    return ONE_COST * (len(made) + len(left)) + CHANGED_COST * len(changed), step


def _wish(sidecar: Sidecar) -> Wish:
    memory_mb = int(sidecar.memory_mb) if sidecar.memory_mb else None
    return Wish(str(sidecar.name), str(sidecar.command), sorted(sidecar.process_types), memory_mb)


def _set(sidecar: Sidecar, wish: Wish) -> Sidecar:
    sidecar.name, sidecar.command = wish.name, wish.command
    sidecar.process_types, sidecar.memory_mb = sorted(set(wish.process_types)), wish.memory_mb
    return sidecar


def _check_memory(sidecar: Sidecar, others: Iterable[Sidecar]) -> None:
    """What runs beside a process must leave it some of its own memory."""
    if not sidecar.memory_mb:
        return
    beside = [other for other in others if other.guid != sidecar.guid]
    for process in listing.all_of(Process, f"app/{sidecar.app_guid}/{Process.KIND}"):
        kind = str(process.type)
        if kind in sidecar.process_types and _share([*beside, sidecar], kind) >= int(process.memory_mb):
            raise Unprocessable(
                f'The memory allocation defined is too large to run with the dependent "{kind}" process'
            )


def _share(sidecars: Iterable[Sidecar | Wish], process_type: str) -> int:
    return sum(int(one.memory_mb or 0) for one in sidecars if process_type in one.process_types)


def check_process_memory(process: Process, memory_mb: int, beside: Iterable[Sidecar | Wish] | None = None) -> None:
    """Raises Unprocessable when the process would be too small for what runs beside it; None: the app's sidecars."""
    share = _share(of_app(str(process.app_guid)) if beside is None else beside, str(process.type))
    if share and share >= memory_mb:
        raise Unprocessable("The requested memory allocation is not large enough to run all of your sidecar processes")


def remove(world: World, sidecar: Sidecar, trace: str = "") -> None:
    unit = world.unit(trace)
    _forget(unit, sidecar)
    unit.commit()


def _forget(unit: Unit, sidecar: Sidecar) -> None:
    unit.remove(sidecar)
    unit.release(scope(str(sidecar.app_guid)), str(sidecar.name))


def remove_all(world: World, app_guid: str, trace: str = "") -> None:
    """Of an app that is going."""
    for sidecar in of_app(app_guid):
        remove(world, sidecar, trace)
