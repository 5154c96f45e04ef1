"""Where the lines of apps go besides the log cache: the ``syslog_drain_url`` of what they are bound to."""

from collections.abc import Iterable

from chalicelib.bootstrap import World
from chalicelib.contracts.grants import ISSUER, LOG, ROUTE
from chalicelib.contracts.logs import AppDrains
from chalicelib.services import listing
from chalicelib.services.service_env import vcap_services
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Organization, Space


def of_grants(world: World, grants: Iterable[str]) -> list[AppDrains]:
    """Of the apps that good grants name those which have drains. A query per app, and more only for those bound.

    Grants do not expire, yet tell nothing that their holder does not have: the app itself is told its drains.
    """
    guids = dict.fromkeys(guid for grant in grants if (guid := _app_of(world, grant)))
    found = {guid: urls for guid in guids if (urls := _urls(world, guid))}
    apps = listing.load(App, list(found))
    spaces = {str(row.guid): row for row in listing.load(Space, list({str(app.space_guid) for app in apps}))}
    orgs = {str(row.guid): row for row in listing.load(Organization, list({str(s.org_guid) for s in spaces.values()}))}
    told = []
    for app in apps:
        space = spaces.get(str(app.space_guid))
        org = orgs.get(str(space.org_guid)) if space else None
        if space and org:
            told.append(_told(app, space, org, found[str(app.guid)]))
    return told


def _app_of(world: World, grant: str) -> str | None:
    claims = world.keys.verify_grant(grant) or {}
    guid = {LOG: claims.get("sub"), ROUTE: claims.get("app")}.get(str(claims.get("typ")))
    return guid if claims.get("iss") == ISSUER and isinstance(guid, str) else None


def _urls(world: World, app_guid: str) -> tuple[str, ...]:
    entries = (entry for group in vcap_services(world, app_guid).values() for entry in group)
    return tuple(dict.fromkeys(entry["syslog_drain_url"] for entry in entries if entry["syslog_drain_url"]))


def _told(app: App, space: Space, org: Organization, urls: tuple[str, ...]) -> AppDrains:
    names = (str(org.name), str(space.name), str(app.name))
    tags = {
        "app_id": str(app.guid),
        "app_name": names[2],
        "space_id": str(space.guid),
        "space_name": names[1],
        "organization_id": str(org.guid),
        "organization_name": names[0],
    }
    return AppDrains(str(app.guid), urls, names, tags)
