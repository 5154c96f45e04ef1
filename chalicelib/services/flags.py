"""Feature flags. They count from the moment in which they are changed: nobody remembers how they stood."""

from chalicelib.adapters.clock import stamp
from chalicelib.bootstrap import World
from chalicelib.core import flags
from chalicelib.core.errors import FeatureDisabled, NotFound
from chalicelib.core.roles import Actor
from chalicelib.services import access, settings

ROW = "feature_flags"


def is_on(name: str) -> bool:
    """One read. Raises KeyError for a flag that there is not."""
    return flags.is_on(settings.find(ROW).value, name)


def require(actor: Actor, *names: str) -> None:
    """Raises FeatureDisabled unless every flag is on; administrators are bound by few (core.flags.BINDING).

    One read, and none for whom they do not bind.
    """
    read_only = "cloud_controller.admin_read_only" in actor.scopes
    bound = [name for name in names if not flags.is_free(name, actor.is_admin, read_only)]
    if not bound:
        return
    changed = settings.find(ROW).value
    for name in bound:
        if not flags.is_on(changed, name):
            raise FeatureDisabled(changed.get(name, {}).get("error_message") or name)


def every() -> dict[str, dict[str, object]]:
    """name -> {"enabled", "error_message", "updated_at"}, in order of names."""
    changed = settings.find(ROW).value
    return {name: _shown(name, changed) for name in sorted(flags.DEFAULTS)}


def show(name: str) -> dict[str, object]:
    """Raises NotFound("Feature flag")."""
    if name not in flags.DEFAULTS:
        raise NotFound("Feature flag")
    return _shown(name, settings.find(ROW).value)


def _shown(name: str, changed: dict[str, dict[str, object]]) -> dict[str, object]:
    return {"enabled": flags.DEFAULTS[name], "error_message": None, "updated_at": None} | changed.get(name, {})


def check(actor: Actor, name: str) -> None:
    """Whether the actor may change it. Raises NotFound("Feature flag"), NotAuthorized."""
    if name not in flags.DEFAULTS:
        raise NotFound("Feature flag")
    access.require_admin(actor)


def update(world: World, name: str, changes: dict[str, object], trace: str = "") -> dict[str, object]:
    """``changes``: of enabled and error_message. The caller has asked ``check``."""
    row = settings.find(ROW)
    flag = _shown(name, row.value) | changes | {"updated_at": stamp()}
    row.value = row.value | {name: flag}
    unit = world.unit(trace)
    unit.put(row)
    unit.commit()
    return flag
