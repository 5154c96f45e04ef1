"""What is made while its parent is being deleted goes with it, or is not made at all."""

import pytest

from chalicelib.bootstrap import World
from chalicelib.core.errors import Unprocessable
from chalicelib.core.roles import Actor
from chalicelib.services import access, apps, listing, organizations, teardown
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Organization, Space

ADMIN = Actor("admin", "admin", frozenset({"cloud_controller.admin"}))


def a_space(world: World, org: str, name: str = "doomed") -> Space:
    return organizations.create_space(world, ADMIN, Space(name=name, org_guid=org))


def test_an_app_whose_space_is_gone_by_the_time_it_is_written_is_refused(world: World, org: str) -> None:
    space = a_space(world, org)
    teardown.delete_space(world, {"guid": str(space.guid)})
    with pytest.raises(Unprocessable, match="Invalid space"):
        apps.create(world, ADMIN, App(name="late", space_guid=space.guid), space, {})
    assert listing.members([f"space/{space.guid}/apps"]) == []


def test_an_app_made_just_before_its_space_goes_goes_too(
    world: World, org: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = a_space(world, org)
    made: list[App] = []
    find = listing.find

    def while_deleting(model: type, guid: str) -> object:
        """Somebody is quick between the first look and the removal."""
        if model is Space and not made:
            made.append(apps.create(world, ADMIN, App(name="quick", space_guid=space.guid), space, {}))
        return find(model, guid)

    monkeypatch.setattr(teardown.listing, "find", while_deleting)
    teardown.delete_space(world, {"guid": str(space.guid)})
    assert made
    assert find(App, str(made[0].guid)) is None
    assert listing.members([f"space/{space.guid}/apps"]) == []


def test_a_space_whose_organization_is_gone_is_refused(world: World) -> None:
    org = organizations.create_org(world, ADMIN, Organization(name="doomed"))
    found = access.org_for(ADMIN, str(org.guid))
    teardown.delete_org(world, {"guid": str(found.guid)})
    with pytest.raises(Unprocessable):
        a_space(world, str(org.guid))
