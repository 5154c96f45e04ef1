"""Rows by the thousand, straight into the tables: what the API reads, without the requests that would make them."""

from collections.abc import Iterable
from typing import Any

from chalicelib.adapters.clock import stamp
from chalicelib.tables.apps import App
from chalicelib.tables.base import Resource, memberships
from chalicelib.tables.running import Process
from tests.functional.cloud import Cloud


def store(cloud: Cloud, resources: Iterable[Resource]) -> None:
    """The resources and their memberships. They have their guids and times."""
    for resource in resources:
        cloud.store([resource, *memberships(resource)])


def apps(space: str, count: int, prefix: str = "app", **more: Any) -> list[App]:
    """Drafts with guids, each made a second after the one before."""
    return [
        App(
            f"{prefix}-{number:05}",
            name=f"{prefix}-{number}",
            space_guid=space,
            created_at=stamp(1_700_000_000 + number),
            updated_at=stamp(1_700_000_000 + number),
            **more,
        )
        for number in range(count)
    ]


def web(app: App, **more: Any) -> Process:
    """Its web process."""
    times = {"created_at": app.created_at, "updated_at": app.updated_at}
    return Process(app.guid, app_guid=app.guid, space_guid=app.space_guid, type="web", **(times | more))
