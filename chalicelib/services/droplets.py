"""Droplets: staged apps, ready to run."""

from chalicelib.bootstrap import World
from chalicelib.core.errors import NotFound, PaasError, Unprocessable
from chalicelib.core.roles import Actor
from chalicelib.services import audit, bits, jobs, listing
from chalicelib.tables.apps import App, Droplet
from chalicelib.tables.identity import Space
from chalicelib.tables.ledger import Job
from chalicelib.tables.running import Process
from chalicelib.tables.unit import Unit


def key(guid: str) -> str:
    return f"droplets/{guid}.tgz"


def find(guid: str | None) -> Droplet | None:
    return listing.find(Droplet, guid) if guid else None


def current(app: App) -> Droplet:
    """Raises NotFound with the text that clients look for."""
    droplet = find(app.droplet_guid)
    if droplet is None:
        raise NotFound(Droplet.LABEL)
    return droplet


def download_url(world: World, droplet: Droplet) -> str:
    """Raises Unprocessable while there is nothing to download, and for what was never here."""
    if droplet.image:
        raise Unprocessable("Cannot download droplets with 'docker' lifecycle.")
    if droplet.state != "STAGED":
        raise Unprocessable("Only staged droplets can be downloaded.")
    return world.blobs.presign_get(key(str(droplet.guid)), filename=f"droplet_{droplet.guid}.tgz")


def source(world: World, droplet: Droplet, life_s: int) -> tuple[str, str]:
    """Where a host finds its bits, for so long, and their digest; both are empty for a Docker image."""
    if droplet.image:
        return "", ""
    return world.blobs.presign_get(key(str(droplet.guid)), life_s), str(droplet.digest)


def require_staged(unit: Unit, guid: str, refused: PaasError) -> None:
    """Let the transaction stand only while the droplet can be run: old ones expire, and their bits go."""
    unit.check(Droplet, guid, condition=Droplet.state == "STAGED", refused=refused)


def delete(world: World, actor: Actor, droplet: Droplet, space: Space, trace: str = "") -> Job:
    """As a job. Not the current droplet, nor one that still runs: instances are healed from it."""
    app = listing.find(App, str(droplet.app_guid))
    if app is not None and app.droplet_guid == droplet.guid:
        raise Unprocessable("The droplet is its app's current droplet. Assign another droplet before you delete it.")
    for process in listing.all_of(Process, f"app/{droplet.app_guid}/processes"):
        if process.state == "STARTED" and process.droplet_guid == droplet.guid:
            raise Unprocessable("The app still runs this droplet. Restart the app before you delete it.")
    unit = world.unit(trace)
    job = jobs.start(unit, "droplet.delete", "delete-droplet", droplet, guid=str(droplet.guid))
    data = {"droplet_guid": str(droplet.guid)}
    audit.record(unit, actor, "audit.app.droplet.delete", app or droplet, str(space.guid), str(space.org_guid), data)
    unit.commit()
    return job


@jobs.worker("delete-droplet")
def _delete(world: World, work: dict[str, str]) -> None:
    droplet = listing.find(Droplet, work["guid"])
    if droplet is not None:
        remove(world, droplet)


def remove(world: World, droplet: Droplet, trace: str = "") -> None:
    bits.remove(world, droplet, key, trace)
