"""What a deployment is to run: a droplet, or all that a revision was, checked before anything is changed."""

from chalicelib.bootstrap import World
from chalicelib.contracts.frozen import frozen
from chalicelib.core.errors import Unprocessable
from chalicelib.core.revisions import Contents
from chalicelib.services import droplets, features, listing, processes, revisions, sidecars
from chalicelib.services.revisions import Noted
from chalicelib.services.steps import Step
from chalicelib.tables.apps import App, Droplet
from chalicelib.tables.deployments import Revision
from chalicelib.tables.running import Process

NO_DROPLET = "Invalid droplet. Please specify a droplet in the request or set a current droplet for the app."
WRONG_DROPLET = "Unable to assign current droplet. Ensure the droplet exists and belongs to this app."
NO_REVISIONS = "Cannot create deployment from a revision for an app without revisions enabled"
SAME_REVISION = (
    "Unable to rollback. The code and configuration you are rolling back to is the same as the deployed revision."
)
#: A rollback is one transaction, and DynamoDB's have an end.
TOO_DIFFERENT = "Unable to rollback. Too many sidecars differ from those of the revision; delete some of them first."


@frozen
class Target:
    """What is to run. contents: what the app goes back to, if it does: its variables and sidecars change with it."""

    droplet: Droplet
    noted: Noted | None
    contents: Contents | None = None

    def command(self, process: Process) -> str | None:
        """The process's custom command in this version."""
        known: dict[str, str | None] = self.noted.revision.commands if self.noted else {}
        return known.get(str(process.type), process.command)

    def restoring(self, app: App, room: int) -> Step:
        """Has the app's sidecars be those that it goes back to, in a unit that saves the app.

        Raises Unprocessable when that takes more than ``room`` operations.
        """
        if self.contents is None:
            return 0, lambda unit: None
        cost, step = sidecars.replacing(app, sidecars.wishes(self.contents.sidecars))
        if cost > room:
            raise Unprocessable(TOO_DIFFERENT)
        return cost, step


def resolve(world: World, app: App, droplet_guid: str | None, revision_guid: str | None) -> Target:
    """The revision, the named droplet or the current one; and the revision that this makes. Raises Unprocessable."""
    back_to = _revision(app, revision_guid) if revision_guid else None
    droplet = _droplet(app, droplet_guid, back_to)
    present = processes.current(str(app.guid)).values()
    noted = revisions.note(world, app, str(droplet.guid), present, back_to)
    if back_to is None or noted is None:
        return Target(droplet, noted)
    if not noted.is_new:
        raise Unprocessable(SAME_REVISION)
    return Target(droplet, noted, noted.contents)


def _revision(app: App, guid: str) -> Revision:
    if not features.is_enabled(app, features.REVISIONS):
        raise Unprocessable(NO_REVISIONS)
    revision = listing.find(Revision, guid)
    if revision is None or revision.app_guid != app.guid:
        raise Unprocessable("The revision does not exist")
    return revision


def _droplet(app: App, droplet_guid: str | None, back_to: Revision | None) -> Droplet:
    """What is to run. Raises Unprocessable."""
    if back_to is not None:
        droplet = revisions.droplet_of(back_to)
        if droplet is None:
            raise Unprocessable("Unable to deploy this revision, the droplet for this revision no longer exists.")
        return droplet
    droplet = droplets.find(droplet_guid or app.droplet_guid)
    if droplet is None and not droplet_guid:
        raise Unprocessable(NO_DROPLET)
    if droplet is None or droplet.app_guid != app.guid or droplet.state != "STAGED":
        raise Unprocessable(WRONG_DROPLET)
    return droplet
