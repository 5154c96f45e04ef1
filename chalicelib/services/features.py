"""What can be switched on and off for one app."""

from chalicelib.bootstrap import World
from chalicelib.contracts.frozen import frozen
from chalicelib.core.errors import NotFound
from chalicelib.core.roles import Actor
from chalicelib.services import audit
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Space

SSH, REVISIONS = "ssh", "revisions"


@frozen
class Feature:
    """default: what counts for an app of which nobody has said anything."""

    description: str
    default: bool


#: The features there are, in the order in which they are listed.
FEATURES = {
    SSH: Feature("Enable SSHing into the app.", default=False),
    REVISIONS: Feature("Enable versioning of an application", default=True),
}


def is_enabled(app: App, name: str) -> bool:
    """Raises NotFound("Feature") for a feature that there is not."""
    if name not in FEATURES:
        raise NotFound("Feature")
    return bool((app.features or {}).get(name, FEATURES[name].default))


def set_feature(app: App, name: str, enabled: bool) -> None:
    """In the app alone, which the caller saves. Raises NotFound("Feature")."""
    if is_enabled(app, name) != enabled:
        app.features = {**(app.features or {}), name: enabled}


def update(world: World, actor: Actor, app: App, space: Space, name: str, enabled: bool, trace: str = "") -> None:
    """Save it, with its audit event."""
    set_feature(app, name, enabled)
    unit = world.unit(trace)
    unit.put(app)
    told = {"request": {"features": {name: enabled}}}
    audit.record(unit, actor, "audit.app.update", app, str(space.guid), str(space.org_guid), told)
    unit.commit()
