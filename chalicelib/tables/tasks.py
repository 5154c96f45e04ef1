"""What runs besides an app's instances: tasks, once each, and the sidecars beside a process."""

from typing import ClassVar

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.tables.apps import AppPart
from chalicelib.tables.base import Resource
from chalicelib.tables.connection import Table, table_name


class Task(AppPart):
    """state: PENDING, RUNNING, CANCELING, SUCCEEDED, FAILED. error: why it failed, in words.

    sequence_id: its number within its app. deadline: when the sweep looks at it: at a pending one to end it, at a
    running one to see whether its host still has it, at one that has ended to forget it. is_doubted: its host was
    heard and did not name it the last time. isolation_segment: name of the hosts that may take it.
    """

    class Meta:
        table_name = table_name("tasks")

    LABEL: ClassVar[str] = "Task"
    KIND: ClassVar[str] = "tasks"
    name = UnicodeAttribute()
    sequence_id = NumberAttribute()
    command = UnicodeAttribute()
    user = UnicodeAttribute(null=True)
    org_guid = UnicodeAttribute()
    droplet_guid = UnicodeAttribute()
    memory_mb = NumberAttribute()
    disk_mb = NumberAttribute()
    log_rate_bytes = NumberAttribute(default=-1)
    is_doubted = BooleanAttribute(default=False)
    isolation_segment = UnicodeAttribute(null=True)


class TaskCount(Table):
    """The sequence_id that the app's newest task has."""

    class Meta:
        table_name = table_name("task-counts")

    app_guid = UnicodeAttribute(hash_key=True)
    last = NumberAttribute()


class Sidecar(Resource):
    """A command beside the processes of these types. memory_mb: its share of the process's memory, for people."""

    class Meta:
        table_name = table_name("sidecars")

    LABEL: ClassVar[str] = "Sidecar"
    KIND: ClassVar[str] = "sidecars"
    app_guid = UnicodeAttribute()
    space_guid = UnicodeAttribute()
    name = UnicodeAttribute()
    command = UnicodeAttribute()
    process_types = JSONAttribute(default=list)
    memory_mb = NumberAttribute(null=True)
    origin = UnicodeAttribute(default="user")

    def parents(self) -> list[str]:
        return [f"app/{self.app_guid}"]
