"""After a build: its secrets go, and so do bits that nobody will run again.

A job, so that what fails is tried again; everything in it may be done twice.
"""

from collections.abc import Iterable

from chalicelib.bootstrap import World
from chalicelib.core.errors import Conflict
from chalicelib.core.retention import KEPT_DROPLETS, KEPT_PACKAGES, KEPT_ROWS, surplus
from chalicelib.services import droplets, jobs, listing, placements
from chalicelib.services.assembly import package_key
from chalicelib.tables.apps import App, AppPart, Build, Droplet, Package
from chalicelib.tables.running import Process
from chalicelib.tables.unit import Unit

EXPIRED = "EXPIRED"
#: States of what has ended without bits.
SPENT = (EXPIRED, "FAILED")


def begin(unit: Unit, build: Build) -> None:
    """Owe it to the end of the build, which ``unit`` is."""
    jobs.start(unit, "build.tidy", "tidy-build", build, build=str(build.guid), app=str(build.app_guid))


@jobs.worker("tidy-build")
def _tidy(world: World, work: dict[str, str]) -> None:
    world.blobs.delete(placements.staging_spec_key(work["build"]))
    app = listing.find(App, work["app"])
    if app is None:
        return
    staged = listing.all_of(Droplet, f"app/{app.guid}/droplets")
    in_use = {str(app.droplet_guid), *_running(app)}
    _expire_droplets(world, app, staged, in_use)
    builds = listing.all_of(Build, f"app/{app.guid}/builds")
    packages = listing.all_of(Package, f"app/{app.guid}/packages")
    sources = {str(droplet.package_guid) for droplet in staged if droplet.guid in in_use}
    sources |= {str(build.package_guid) for build in builds if build.state == "STAGING"}
    _expire_packages(world, app, packages, sources)
    _forget(world, [row for row in (*staged, *packages) if row.state in SPENT])
    _forget(world, [build for build in builds if build.state != "STAGING"])


def _running(app: App) -> Iterable[str]:
    """Droplets that some process of the app runs, though another one is current."""
    processes = listing.all_of(Process, f"app/{app.guid}/processes")
    return (str(process.droplet_guid) for process in processes)


def _expire_droplets(world: World, app: App, rows: list[Droplet], in_use: set[str]) -> None:
    stored = [str(row.guid) for row in rows if row.state == "STAGED" and not row.image]
    old = set(surplus(stored, in_use, KEPT_DROPLETS))
    for row in rows:
        if row.guid in old or (row.state == EXPIRED and row.size_bytes is not None):
            _expire(world, app, row, droplets.key(str(row.guid)))


def _expire_packages(world: World, app: App, rows: list[Package], in_use: set[str]) -> None:
    stored = [str(row.guid) for row in rows if row.state == "READY" and row.type == "bits"]
    old = set(surplus(stored, in_use, KEPT_PACKAGES))
    for row in rows:
        if row.guid in old or (row.state == EXPIRED and row.size_bytes is not None):
            _expire(world, app, row, package_key(str(row.guid)))


def _expire(world: World, app: App, row: Droplet | Package, key: str) -> None:
    """First nobody can use it any more, then the bits go, then nobody looks for them again (size_bytes None)."""
    if row.state != EXPIRED:
        row.state = EXPIRED
        unit = world.unit()
        # Lost to whoever makes it current at this moment: the job begins again.
        unit.check(App, str(app.guid), condition=App.rev == app.rev, refused=Conflict())
        unit.put(row)
        unit.commit()
    world.blobs.delete(key)
    row.size_bytes = None
    unit = world.unit()
    unit.put(row)
    unit.commit()


def _forget(world: World, rows: Iterable[AppPart]) -> None:
    ended = sorted(rows, key=lambda row: str(row.created_at))
    for row in ended[: max(0, len(ended) - KEPT_ROWS)]:
        unit = world.unit()
        unit.remove(row)
        unit.commit()
