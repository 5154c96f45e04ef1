"""What buildpacks keep of an app from one staging to the next."""

from chalicelib.bootstrap import World
from chalicelib.services import jobs
from chalicelib.tables.apps import App
from chalicelib.tables.ledger import Job


def key(app_guid: str) -> str:
    """Where it is kept."""
    return f"buildcache/{app_guid}.tgz"


def clear(world: World, app: App, trace: str = "") -> Job:
    """Forget it; clients expect a job for that. A staging under way keeps its own anew."""
    world.blobs.delete(key(str(app.guid)))
    unit = world.unit(trace)
    job = jobs.done(unit, "app.clear_buildpack_cache")
    unit.commit()
    return job
