"""Deployments and revisions: how an app's versions follow one another."""

from typing import ClassVar

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.tables.apps import AppPart
from chalicelib.tables.connection import table_name


class Deployment(AppPart):
    """state: core.deployment. reason: of its status; status_at, healthy_at: stamps. error: why it was taken back.

    process_guid: of the new web process; None when the app was stopped and simply started. new_processes: as the API
    shows them, also when they are gone. kept_guid: the process
    that stays when it is taken back. original: instances before it, to which taking it back returns; wanted: those
    that it is to end with. stage: how many canary stages have begun, 1 at the first. weights: of the stages, per cent.
    options: as the user named them. healthy, crashes (instance guids), deadline (epoch s): core.deployment.Scene.
    finishing: only clearing away is left; settled: process types that need
    nothing any more.
    """

    class Meta:
        table_name = table_name("deployments")

    LABEL: ClassVar[str] = "Deployment"
    KIND: ClassVar[str] = "deployments"
    reason = UnicodeAttribute()
    status_value = UnicodeAttribute()
    status_at = UnicodeAttribute()
    healthy_at = UnicodeAttribute(null=True)
    strategy = UnicodeAttribute(default="rolling")
    options = JSONAttribute(default=dict)
    weights = JSONAttribute(default=list)
    max_in_flight = NumberAttribute(default=1)
    original = NumberAttribute(default=0)
    wanted = NumberAttribute(default=0)
    stage = NumberAttribute(default=1)
    droplet_guid = UnicodeAttribute(null=True)
    previous_droplet_guid = UnicodeAttribute(null=True)
    process_guid = UnicodeAttribute(null=True)
    new_processes = JSONAttribute(default=list)
    kept_guid = UnicodeAttribute(null=True)
    revision_guid = UnicodeAttribute(null=True)
    revision_version = NumberAttribute(null=True)
    healthy = NumberAttribute(default=0)
    crashes = JSONAttribute(default=list)
    finishing = BooleanAttribute(default=False)
    settled = JSONAttribute(default=list)


class Revision(AppPart):
    """What an app was at a start: droplet, custom commands by process type, sidecars. Its variables are a Secret.

    version: from 1, one more each time. state: always RETAINED.
    """

    class Meta:
        table_name = table_name("revisions")

    LABEL: ClassVar[str] = "Revision"
    KIND: ClassVar[str] = "revisions"
    state = UnicodeAttribute(default="RETAINED")
    version = NumberAttribute()
    droplet_guid = UnicodeAttribute()
    description = UnicodeAttribute(default="")
    commands = JSONAttribute(default=dict)
    sidecars = JSONAttribute(default=list)

    @property
    def list_name(self) -> str:
        """Its version, which clients ask for."""
        return str(int(self.version))
