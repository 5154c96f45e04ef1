"""Revisions: what an app was at each start that changed something, so that one can go back to it.

A revision keeps the droplet, the variables (sealed), the custom commands and the sidecars. One is made at a start,
a restart or a deployment, if the app keeps revisions and anything differs from its last one.
"""

from collections.abc import Iterable
from typing import Any

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.contracts.frozen import frozen
from chalicelib.core.revisions import Contents, changes
from chalicelib.core.roles import Actor
from chalicelib.services import audit, droplets, environment, features, listing, processes, sidecars
from chalicelib.tables.apps import App, Droplet
from chalicelib.tables.deployments import Revision
from chalicelib.tables.identity import Secret, Space
from chalicelib.tables.running import Process
from chalicelib.tables.unit import Unit

#: Cloud Foundry keeps so many per app.
KEPT = 100
#: Versions begin again at 1 after that.
LAST_VERSION = 9999
#: Operations that a revision costs in a transaction: itself, its variables, its event; the one that goes.
COST = 13


@frozen
class Noted:
    """The revision that an app is about to run, and what it is. is_new: it has to be made (``add``)."""

    revision: Revision
    contents: Contents
    is_new: bool
    surplus: tuple[Revision, ...] = ()


def of_app(app_guid: str) -> list[Revision]:
    """In order of creation."""
    return listing.all_of(Revision, f"app/{app_guid}/{Revision.KIND}")


def variables(world: World, revision: Revision) -> dict[str, str]:
    return environment.read(world, str(revision.guid))


def deployed(app_guid: str) -> set[str]:
    """Guids of the revisions that run."""
    running = (process for process in processes.of_app(app_guid) if process.state == "STARTED")
    return {str(process.revision_guid) for process in running if process.revision_guid}


def deployable(found: Iterable[Revision]) -> set[str]:
    """Guids of those whose droplet is still there."""
    wanted = list(found)
    there = listing.load(Droplet, sorted({str(revision.droplet_guid) for revision in wanted}))
    staged = {str(droplet.guid) for droplet in there if droplet.state == "STAGED"}
    return {str(revision.guid) for revision in wanted if revision.droplet_guid in staged}


def note(
    world: World, app: App, droplet_guid: str, present: Iterable[Process], back_to: Revision | None = None
) -> Noted | None:
    """The revision that a start with this droplet is of; None when the app keeps none.

    present: one process of each type. back_to: an earlier revision to be taken up again, which is always a new one;
    None is returned as ``is_new`` False when it does not differ from the last one.
    """
    if not features.is_enabled(app, features.REVISIONS):
        return None
    if back_to is None:
        wanted = Contents(
            droplet_guid,
            environment.read(world, str(app.guid)),
            {str(process.type): str(process.command) if process.command else None for process in present},
            _sidecars(app),
        )
    else:
        wanted = _contents(world, back_to)
    members = listing.members([f"app/{app.guid}/{Revision.KIND}"])
    last = listing.find(Revision, members[-1].guid) if members else None
    reasons = changes(_contents(world, last), wanted) if last else ["Initial revision."]
    if last is not None and not reasons:
        return Noted(last, wanted, is_new=False)
    if back_to is not None:
        reasons = [*reasons, f"Rolled back to revision {int(back_to.version)}."]
    revision = Revision(
        new_guid(),
        app_guid=str(app.guid),
        space_guid=str(app.space_guid),
        version=int(last.version) % LAST_VERSION + 1 if last else 1,
        droplet_guid=wanted.droplet_guid,
        description=" ".join(reasons),
        commands=dict(wanted.commands),
        sidecars=list(wanted.sidecars),
    )
    surplus = listing.load(Revision, [member.guid for member in members[:1]]) if len(members) >= KEPT else []
    return Noted(revision, wanted, True, tuple(surplus))


def add(world: World, unit: Unit, actor: Actor, app: App, space: Space, noted: Noted) -> None:
    """Make the revision in the caller's unit, which saves the app as well; the oldest goes when there are too many."""
    if not noted.is_new:
        return
    unit.create(noted.revision)
    environment.write(world, unit, str(noted.revision.guid), noted.contents.variables)
    for revision in noted.surplus:
        _forget(unit, revision)
    data = {"revision_guid": str(noted.revision.guid), "revision_version": int(noted.revision.version)}
    audit.record(unit, actor, "audit.app.revision.create", app, str(space.guid), str(space.org_guid), data)


def droplet_of(revision: Revision) -> Droplet | None:
    """The droplet that it ran, if it is there to be run again."""
    droplet = droplets.find(str(revision.droplet_guid))
    return droplet if droplet is not None and droplet.state == "STAGED" else None


def show_variables(world: World, actor: Actor, revision: Revision, space: Space, trace: str) -> dict[str, str]:
    """Who looks at them is recorded."""
    app = listing.get(App, str(revision.app_guid), Revision.LABEL)
    unit = world.unit(trace)
    data = {"revision_guid": str(revision.guid), "revision_version": int(revision.version)}
    event = "audit.app.revision.environment_variables.show"
    audit.record(unit, actor, event, app, str(space.guid), str(space.org_guid), data)
    unit.commit()
    return variables(world, revision)


def remove_all(world: World, app_guid: str, trace: str = "") -> None:
    """Of an app that is going."""
    for revision in of_app(app_guid):
        unit = world.unit(trace)
        _forget(unit, revision)
        unit.commit()


def _forget(unit: Unit, revision: Revision) -> None:
    unit.remove(revision)
    unit.delete(Secret(str(revision.guid)))


def _contents(world: World, revision: Revision) -> Contents:
    return Contents(
        str(revision.droplet_guid), variables(world, revision), dict(revision.commands), list(revision.sidecars)
    )


def _sidecars(app: App) -> list[dict[str, Any]]:
    """As a revision keeps and shows them, by name."""
    found = [
        {
            "name": str(one.name),
            "command": str(one.command),
            "process_types": sorted(one.process_types),
            "memory_in_mb": int(one.memory_mb) if one.memory_mb else None,
        }
        for one in sidecars.of_app(str(app.guid))
    ]
    return sorted(found, key=lambda one: str(one["name"]))
